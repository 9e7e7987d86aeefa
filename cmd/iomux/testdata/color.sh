# Standard error in red, if asked for.
cmd='echo out; echo err >&2; echo out2'
NO_COLOR=1 run $iomux -color=always sh -c "$cmd"
prints 'out\nout2\n'
complains '\033[31merr\n\033[0m'
$iomux -color=always sh -c "$cmd" 2>&1 | cat >out
prints 'out\n\033[31merr\n\033[0mout2\n'
for when in auto never; do
	run $iomux -color=$when sh -c "$cmd"
	complains 'err\n'
done
run $iomux -color=always -annotate sh -c "$cmd"
has out "^$(printf '\033')\[31m[0-9:]+ E: err$(printf '\033')\[0m$"
