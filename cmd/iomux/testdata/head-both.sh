# What was written to standard error before is still printed when nobody reads
# standard output any more. (Not a pipeline: the shell that makes one may still
# hold the read end for a moment.)
mkfifo go printed
$iomux sh -c 'echo first; read x <go; echo last >&2; echo second; exec yes >&2' >printed 2>err &
exec 3<printed
read line <&3
exec 3<&-
echo >go
wait $! || true
head -1 err >errs
expect errs 'last\n'
