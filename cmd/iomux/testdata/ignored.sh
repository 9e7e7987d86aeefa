# A signal that iomux was started with ignoring stays so, for the command too,
# and also when the shell is replaced by iomux.
for sig in HUP INT QUIT USR1 USR2 PIPE ALRM TERM XCPU; do
	run sh -c 'trap "" $1; shift; exec "$@"' sh $sig $iomux sh -c "kill -$sig \$\$; echo alive"
	exits 0
	prints 'alive\n'
done
run sh -c 'trap "" TERM USR1; shift; exec "$@"' sh x $iomux grep SigIgn /proc/self/status
has out '0000000000004200$'

# And no other is.
run $iomux grep SigIgn /proc/self/status
prints 'SigIgn:\t0000000000000000\n'

# It does not end iomux either.
mkfifo printed go
sh -c 'trap "" TERM; exec "$@"' sh $iomux sh -c 'echo ready; read x <go; echo "$x"; exit 3' >printed &
pid=$!
exec 3<printed
read ready <&3
kill -TERM $pid
echo still there >go
[ "$(cat <&3)" = 'still there' ] || fail output
code=0
wait $pid || code=$?
exits 3
