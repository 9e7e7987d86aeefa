# What the children of the command still write is waited for.
mkfifo go
$iomux sh -c '(read x <go; echo "$x") & exit 4' >out 2>err &
echo late >go
code=0
wait $! || code=$?
exits 4
prints 'late\n'
