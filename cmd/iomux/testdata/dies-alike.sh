# iomux ends by the signal that has killed its command, after all is printed, and
# leaves no core of its own.
ulimit -c unlimited 2>/dev/null || true
for n in 1 2 3 6 9 10 11 12 13 14 15; do
	run $iomux sh -c "echo out; echo err >&2; ulimit -c 0; kill -$n \$\$"
	exits $((128 + n))
	prints 'out\n'
	[ "$(head -n 1 err)" = err ] || fail standard error
	[ "$(ls)" = "$(printf 'err\nout\nwant')" ] || fail a core $(ls)
	has err 'err' # and what the shell may say
done

# An exit code that only looks like one does not kill.
run $iomux sh -c 'exit 143'
exits 143
complains ''
