# A command that does not care is killed, and the exit code says so.
mkfifo printed
$iomux sh -c 'echo $$; exec cat printed' >out2 &
pid=$!
exec 3>printed # opens when the command is there
kill -TERM $pid
code=0
wait $pid || code=$?
exits 143
gone $(cat out2)
