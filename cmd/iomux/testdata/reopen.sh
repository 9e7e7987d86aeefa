# With -reopen, SIGHUP has the files opened by their names again, and does not
# reach the command.
command -v jq >/dev/null || skip no jq
mkfifo printed go
$iomux -reopen -stdout-file=o -log=l -log-format=json sh -c 'echo one; read x <go; echo two; echo $x' >printed &
pid=$!
exec 3<printed
read line <&3
mv o o.1
mv l l.1
kill -HUP $pid
until [ -e o ] && [ -e l ]; do :; done
echo three >go
cat <&3 >out
code=0
wait $pid || code=$?
exits 0
prints 'two\nthree\n'
expect o.1 'one\n'
expect o 'two\nthree\n'
[ "$(jq -r .text l.1)" = one ] || fail old log
[ "$(jq -r .text l | tr '\n' ' ')" = 'two three null ' ] || fail new log
