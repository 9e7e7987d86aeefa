# What does not fit into memory goes to a file without a name.
command -v jq >/dev/null || skip no jq
mkdir tmp
TMPDIR=$PWD/tmp
export TMPDIR
seq 30000 >expected
cat >child.sh <<'END'
cat expected
until ls -l /proc/$PPID/fd 2>/dev/null | grep -q 'tmp/iomux-.*(deleted)'; do :; done
ls tmp >&2
exit 3
END
run iomux-small ${iomux#iomux} -quiet sh child.sh
exits 3
cmp out expected || fail output
complains 'iomux: exited with status 3\n'
run iomux-small ${iomux#iomux} -quiet -json cat expected no/such/file
exits 1
[ $(jq -r 'select(.stream == "stdout").text' out | cmp - expected && echo same) = same ] || fail lines
