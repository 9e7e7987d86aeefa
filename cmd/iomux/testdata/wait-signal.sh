# When the command is gone, a signal ends the wait for the others.
mkfifo go printed
$iomux sh -c 'cat go & echo $$ $!; exit 4' >printed &
pid=$!
read child other <printed
gone $child
kill -TERM $pid
code=0
wait $pid || code=$?
exits 143
kill $other
