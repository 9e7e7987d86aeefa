# The logs of a command that goes on can be rotated by logrotate, and no line is lost.
command -v logrotate >/dev/null || skip no logrotate
mkfifo printed go1 go2
cat >rotate.conf <<END
"$PWD/o" "$PWD/l" {
	rotate 2
	nocreate
	sharedscripts
	postrotate
		kill -HUP \$(cat "$PWD/pid")
	endscript
}
END
$iomux -reopen -stdout-file=o -log=l -log-format=plain sh -c 'echo one; read x <go1; echo two; read x <go2; echo three' >printed &
pid=$!
echo $pid >pid
exec 3<printed
for n in 1 2; do
	read line <&3
	logrotate -f -s state rotate.conf || fail logrotate
	until [ -e o ] && [ -e l ]; do :; done
	echo >go$n
done
cat <&3 >out
code=0
wait $pid || code=$?
exits 0
prints 'three\n'
for log in o l; do
	expect $log.2 'one\n'
	expect $log.1 'two\n'
	expect $log 'three\n'
done
