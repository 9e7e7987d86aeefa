echo text >file
chmod 644 file
run $iomux ./file
exits 126
prints ''
has err '^iomux: .*file: permission denied'
mkdir dir
run $iomux ./dir
exits 126
printf '\001\002' >nonsense
chmod 755 nonsense
run $iomux ./nonsense
exits 126
