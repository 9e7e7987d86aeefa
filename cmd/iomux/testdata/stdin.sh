# Standard input goes to the command as it is: what it leaves is still there.
head -c 300000 /dev/zero >input
{
	$iomux dd bs=100000 count=1 2>/dev/null >first
	cat >rest
} <input
[ $(wc -c <first) = 100000 ] || fail first part
[ $(wc -c <rest) = 200000 ] || fail rest
run $iomux cat <input
cmp input out || fail all of it
