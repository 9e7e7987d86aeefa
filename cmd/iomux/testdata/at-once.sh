# What was written is printed without waiting for a newline, or for more.
mkfifo printed go
$iomux sh -c 'printf half; read x <go; printf "%s" "$x"' >printed &
exec 3<printed
[ "$(dd bs=4 count=1 <&3 2>/dev/null)" = half ] || fail first half
echo whole >go
[ "$(cat <&3)" = whole ] || fail second half
wait $! || fail code
