# With -strict, a command that writes to its standard error has failed.
run $iomux -strict sh -c 'echo out; echo err >&2'
exits 1
prints 'out\n'
complains 'err\n'
run $iomux -strict echo out
exits 0
run $iomux -strict sh -c 'echo err >&2; exit 7'
exits 7
run $iomux -strict -quiet sh -c 'echo out; printf err >&2'
exits 1
prints 'out\n'
complains 'err\niomux: exited with status 0, but wrote to standard error\n'
run $iomux -strict -quiet echo out
exits 0
prints ''
