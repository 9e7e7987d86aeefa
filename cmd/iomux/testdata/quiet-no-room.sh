# Where it cannot be kept it is printed rather than lost.
[ $transport = pipe ] || skip sockets need the directory, too
TMPDIR=$PWD/none
export TMPDIR
seq 30000 >expected
run iomux-small -quiet cat expected
exits 0
cmp out expected || fail output
has err '^iomux: .*none'
