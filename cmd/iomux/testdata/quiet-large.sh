# What does not fit into memory goes to a file without a name.
mkdir tmp
TMPDIR=$PWD/tmp
export TMPDIR
seq 30000 >expected
run iomux-small ${iomux#iomux} -quiet sh -c 'ls tmp >&2; cat expected; ls -l /proc/$PPID/fd >files; ls tmp >&2; exit 3'
exits 3
cmp out expected || fail output
complains ''
has files 'tmp/iomux-[0-9]+ \(deleted\)'
