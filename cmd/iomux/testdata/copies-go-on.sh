# When nobody reads the screen any more the command ends, and with -copies-go-on
# it does not, for the sake of the files.
cat >child.sh <<'END'
echo first
read x <go
for n in 1 2 3 4 5; do echo $n; done
exit 6
END
mkfifo go printed
for flag in -copies-go-on=false -copies-go-on; do
	$iomux $flag -stdout-file=o -log=l -log-format=json sh child.sh >printed 2>err &
	exec 3<printed
	read line <&3
	exec 3<&-
	echo >go
	code=0
	wait $! || code=$?
	complains ''
	if [ $flag = -copies-go-on ]; then
		exits 6
		expect o 'first\n1\n2\n3\n4\n5\n'
		has l '"event":"exit","code":6'
	else
		exits 141
		has o first
	fi
done
