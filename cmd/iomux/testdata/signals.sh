# Signals are passed on; the command decides.
mkfifo printed
for sig in TERM HUP QUIT USR1 USR2; do
	$iomux catcher >printed &
	pid=$!
	exec 3<printed
	read ready child <&3
	[ $ready = ready ] || fail $ready
	kill -$sig $pid
	[ "$(cat <&3)" = SIG$sig ] || fail $sig
	code=0
	wait $pid || code=$?
	exits 5
done
