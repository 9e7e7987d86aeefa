# When nobody reads any more, iomux and the command end at once.
{
	code=0
	$iomux sh -c 'echo $$ >pid; exec yes' || code=$?
	echo $code >code
} 2>err | head -1 >out
prints 'y\n'
complains ''
[ $(cat code) = 141 ] || fail code $(cat code)
! kill -0 $(cat pid) 2>/dev/null || fail the command is still there
