# A command that closes its output is still waited for, and gets signals.
mkfifo go
$iomux sh -c 'exec >&- 2>&-; read x <go; exit 6' &
echo >go
code=0
wait $! || code=$?
exits 6
