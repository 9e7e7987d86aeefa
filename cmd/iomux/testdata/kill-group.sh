# With -kill-group nothing that the command has started outlives it: in another
# session, deaf to SIGTERM, stopped, or an orphan.
[ -d /proc/self ] && [ "$(uname)" = Linux ] || skip 'it is for Linux'
mkfifo never printed
cat >tree <<'END'
echo $$
sh -c 'echo $$; exec cat never' &
sh -c '(sh -c "echo \$\$; exec cat never" &)'
sh -c 'trap "" TERM HUP; echo $$; while :; do read x <never; done' &
sh -c 'echo $$; kill -STOP $$; exec cat never' &
if command -v setsid >/dev/null; then setsid sh -c 'echo $$; exec cat never' & fi
END
want=5
command -v setsid >/dev/null && want=6

# all reads the numbers of all these processes, and fails if one does not come.
all() {
	n=0
	pids=
	while [ $n -lt $want ]; do
		read p <&3
		pids="$pids $p"
		n=$((n + 1))
	done
}
allgone() {
	for p in $pids; do
		# It may be reaped between the first two of these.
		! kill -0 $p 2>/dev/null || grep -q '^State:.Z' /proc/$p/status 2>/dev/null || ! kill -0 $p 2>/dev/null ||
			fail $p of $pids is still there
	done
}

# When the command ends by itself.
echo 'read x <go; exit 3' >>tree
mkfifo go
$iomux -kill-group sh tree >printed &
pid=$!
exec 3<printed
all
echo >go
code=0
wait $pid || code=$?
exits 3
allgone
exec 3<&- # the next one must not inherit it

# By a signal.
$iomux -kill-group sh tree >printed &
pid=$!
exec 3<printed
all
kill -TERM $pid
code=0
wait $pid || code=$?
exits 143
allgone
exec 3<&-

# When nobody reads any more.
sed 's/^read x <go.*/read x <go; yes/' tree >tree2
$iomux -kill-group sh tree2 >printed &
pid=$!
exec 3<printed
all
exec 3<&-
echo >go
code=0
wait $pid || code=$?
exits 141
allgone
