# Writes of a megabyte and more.
head -c 3000000 /dev/urandom >expected
run $iomux dd if=expected bs=100000
cmp out expected || fail output
[ $transport = pipe ] || exit 0
run $iomux dd if=expected bs=3000000
cmp out expected || fail output
