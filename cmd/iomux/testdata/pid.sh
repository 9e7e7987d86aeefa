# The process that wrote, which only sockets tell: -pid takes them by itself.
[ $kernel_tells = yes ] || skip not in this build
run $iomux -pid sh -c 'echo $$; sh -c "echo \$\$; true"; true'
exits 0
[ $(grep -c 'O: ' out) = 2 ] || fail lines
while read time pid kind text; do
	[ $kind = I: ] || [ $pid = $text ] || fail $pid is not $text
done <out
run $iomux -pid -json sh -c 'echo $$; true'
has out '"pid":([0-9]+),"text":"[0-9]+"'
