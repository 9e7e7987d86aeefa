# So does a command that is waiting for something else by then.
mkfifo go never
{
	code=0
	$iomux sh -c 'echo $$ >pid; echo first; read x <go; echo second; exec cat never' || code=$?
	echo $code >code
} | {
	read line
	exec <&-
	echo >go
	[ "$line" = first ]
}
[ $(cat code) = 141 ] || fail code $(cat code)
! kill -0 $(cat pid) 2>/dev/null || fail the command is still there
