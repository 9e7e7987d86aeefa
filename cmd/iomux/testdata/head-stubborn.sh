# And one that does not want to be killed by that.
mkfifo never
{
	code=0
	$iomux sh -c 'trap "" PIPE; echo $$ >pid; yes 2>/dev/null; exec cat never' || code=$?
	echo $code >code
} | head -1 >out
[ $(cat code) = 141 ] || fail code $(cat code)
! kill -0 $(cat pid) 2>/dev/null || fail the command is still there
