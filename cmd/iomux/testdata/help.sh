# The page explains every flag, has examples, and says the exit codes.
for h in -h --help -help; do
	run $iomux $h
	exits 0
	complains ''
done
for flag in color annotate time pid json quiet stdout-file stderr-file combined-file append wait socket version; do
	has out "^  -$flag "
done
[ $(grep -c '^  iomux ' out) -ge 4 ] || fail examples
for n in 125 126 127 128; do
	has out $n
done
[ $(awk 'length > 80' out | wc -l) = 0 ] || fail long lines
