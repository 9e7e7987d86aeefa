# When nobody reads the output and there is no room for it, a signal ends iomux all
# the same, once it has ended the command.
mkfifo full ready
exec 3<>full 4<>ready
dd if=/dev/zero of=full bs=4096 count=1000 oflag=nonblock 2>/dev/null || true
$iomux sh -c 'echo no room; echo ready >&4; exec sleep 1000' >full 3>&- &
pid=$!
read ready <&4
kill -TERM $pid
code=0
wait $pid || code=$?
exits 143

# A reader that comes before that gets everything.
$iomux sh -c 'echo no room; echo ready >&4; exec sleep 1000' >full 3>&- &
pid=$!
read ready <&4
kill -TERM $pid
tail -c 8 <full >out 3>&- & reader=$!
exec 3>&-
code=0
wait $pid || code=$?
exits 143
wait $reader
prints 'no room\n'
