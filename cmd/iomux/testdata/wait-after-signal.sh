# After a signal that ends the command, what it leaves behind is waited for, but
# not for long; another signal ends that.
mkfifo go printed
$iomux sh -c 'cat go & echo $!; exec cat go' >printed &
pid=$!
exec 3<printed
read other <&3
kill -TERM $pid
code=0
wait $pid || code=$?
exits 143
kill -0 $other || fail the other is gone
kill $other

# A longer -wait is kept to.
$iomux -wait=1h sh -c '(read x <go; echo "$x") & echo $$; exec cat go' >printed &
pid=$!
exec 3<printed
read child <&3
kill -TERM $pid
gone $child
sleep 3 # it must still be there after two
kill -0 $pid || fail it has not waited
echo late >go
[ "$(cat <&3)" = late ] || fail output
code=0
wait $pid || code=$?
exits 143
