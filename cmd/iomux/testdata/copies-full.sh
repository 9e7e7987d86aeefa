# A copy that cannot be written is reported once; the rest goes on.
[ -c /dev/full ] || skip no /dev/full
run $iomux -stdout-file=/dev/full -combined-file=c sh -c 'echo 1; echo 2 >&2; echo 3; exit 3'
exits 125
prints '1\n3\n'
expect c '1\n2\n3\n'
[ $(grep -c '^iomux: .*/dev/full: no space left on device$' err) = 1 ] || fail report
