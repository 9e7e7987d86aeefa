# Nothing if the command succeeds, else everything, each stream to its own.
run $iomux -quiet sh -c 'echo out; echo err >&2'
exits 0
prints ''
complains ''
run $iomux -quiet sh -c 'echo out; echo err >&2; printf end; exit 3'
exits 3
prints 'out\nend'
complains 'err\n'
run $iomux -quiet sh -c 'echo out; kill -9 $$'
exits 137
prints 'out\n'
run $iomux -quiet -annotate -combined-file=c sh -c 'echo out; exit 1'
has out 'O: out$'
has out 'I: Finished with exitcode 1$'
expect c 'out\n'
