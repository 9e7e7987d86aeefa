# The exit code is that of the command, or 128 and the signal that killed it.
for n in 0 1 3 125 126 127 255; do
	run $iomux sh -c "exit $n"
	exits $n
	complains ''
done
for n in 1 2 9 13 15; do
	run $iomux sh -c "kill -$n \$\$"
	exits $((128 + n))
	prints ''
done
