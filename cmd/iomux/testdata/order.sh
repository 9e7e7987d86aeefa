# The order between the streams is kept where they lead to the same place.
i=0
while [ $i -lt 500 ]; do
	echo o$i; echo e$i; i=$((i + 1))
done >expected
code=0
$iomux sh -c 'i=0; while [ $i -lt 500 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done' >out 2>&1 || code=$?
exits 0
cmp out expected || fail order in a file
$iomux sh -c 'i=0; while [ $i -lt 500 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done' 2>&1 | cat >out
cmp out expected || fail order in a pipe
