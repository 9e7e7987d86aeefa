# What was written to standard error before is still printed when nobody reads
# standard output any more.
mkfifo go
{
	$iomux sh -c 'echo first; read x <go; echo last >&2; echo second; exec yes >&2' 2>err || true
} | {
	read line
	exec <&-
	echo >go
}
head -1 err >errs
expect errs 'last\n'
