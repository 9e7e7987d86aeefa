# A command that closes its output is still waited for; what it wrote is printed
# before that.
mkfifo printed go
$iomux sh -c 'printf last; exec >&- 2>&-; read x <go; exit 6' >printed &
exec 3<printed
[ "$(dd bs=4 count=1 <&3 2>/dev/null)" = last ] || fail output
echo >go
code=0
wait $! || code=$?
exits 6
