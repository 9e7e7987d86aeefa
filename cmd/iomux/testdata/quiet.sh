# Nothing if the command succeeds, else everything, each stream to its own, and
# how it ended.
run $iomux -quiet sh -c 'echo out; echo err >&2'
exits 0
prints ''
complains ''
run $iomux -quiet sh -c 'echo out; echo err >&2; printf end; exit 3'
exits 3
prints 'out\nend'
complains 'err\niomux: exited with status 3\n'
run $iomux -quiet sh -c 'echo out; kill -9 $$'
exits 137
prints 'out\n'
head -n 1 err >first # what follows is the shell's
expect first 'iomux: killed by signal 9 (SIGKILL)\n'
code=0
$iomux -quiet sh -c 'printf end; exit 3' >out 2>&1 || code=$?
prints 'end\niomux: exited with status 3\n'
# Under -annotate and -json the log says it.
run $iomux -quiet -annotate -combined-file=c sh -c 'echo out; exit 1'
has out 'O: out$'
has out 'I: Finished with exitcode 1$'
complains ''
expect c 'out\n'
run $iomux -quiet -json sh -c 'echo out; exit 1'
has out '"event":"exit","code":1\}$'
complains ''
# What waited for its newline is a whole line when it is shown.
mkfifo go
{
	$iomux -quiet -combined-file=seen -annotate -log=l -log-format=json sh -c 'printf "one "; read x <go; echo two; exit 1' >out 2>err || true
} &
until [ -s seen ]; do :; done
echo >go
wait
has out 'O: one two$'
has l '"text":"one two"\}$'
