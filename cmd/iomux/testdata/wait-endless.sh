# One that never stops writing does not make it wait for ever.
$iomux -wait=0 sh -c 'yes >&2 & echo $!; exit 4' >out 2>/dev/null || code=$?
exits 4
gone $(cat out)
