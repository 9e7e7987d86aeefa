# So does a command that is waiting for something else by then.
mkfifo go never printed
$iomux sh -c 'echo $$ >pid; echo first; read x <go; echo second; exec cat never' >printed &
exec 3<printed
read line <&3
exec 3<&-
echo >go
code=0
wait $! || code=$?
[ "$line" = first ] || fail output "$line"
exits 141
! kill -0 $(cat pid) 2>/dev/null || fail the command is still there
