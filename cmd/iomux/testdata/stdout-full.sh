# A standard output that cannot be written is reported once; the rest goes on.
[ -c /dev/full ] || skip no /dev/full
code=0
$iomux sh -c 'echo lost; echo err >&2; echo lost; echo err2 >&2' >/dev/full 2>err || code=$?
exits 125
[ $(grep -c '^iomux: write to standard output: no space left on device$' err) = 1 ] || fail report
grep -v ^iomux err >rest
expect rest 'err\nerr2\n'
