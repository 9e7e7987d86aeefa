# With -wait only so long; what was written until then is printed.
mkfifo go
run $iomux -wait=0 sh -c '(read x <go; echo "$x") & echo early; echo "$!" >&2; exit 4'
exits 4
prints 'early\n'
kill $(cat err)
run $iomux -wait=1ms -annotate sh -c '(read x <go; echo "$x") & printf "%s" $!; exit 4'
exits 4
has out 'O: [0-9]+$'
has out 'I: Finished with exitcode 4$'
kill $(sed -n 's/.* O: //p' out)
