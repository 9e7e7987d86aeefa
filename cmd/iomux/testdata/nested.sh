# One iomux in another: the order is kept by both, although the inner one writes
# to two places.
i=0
while [ $i -lt 300 ]; do
	echo o$i; echo e$i; i=$((i + 1))
done >expected
$iomux iomux $iomux sh -c 'i=0; while [ $i -lt 300 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done' >out 2>&1 || fail code
cmp out expected || fail order
