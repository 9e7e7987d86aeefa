# Logs beside the plain screen, several of a kind, and files that are added to.
command -v jq >/dev/null || skip no jq
cmd='echo out; echo err >&2; exit 4'
run $iomux -log=a -log-format=annotate -log-format=json -log=j -log=j2 -log-format=plain -log=p sh -c "$cmd"
exits 4
prints 'out\n'
complains 'err\n'
[ $(grep -Ec '^[0-9:]{8} ([OE]: (out|err)|I: (Started sh|Finished with exitcode 4))' a) = 4 ] || fail annotated
cmp j j2 || fail two alike
[ "$(jq -r '[.stream, .text, .code] | @csv' j | tr '\n' ' ')" = '"stdout","out", "stderr","err", ,,4 ' ] || fail json
expect p 'out\nerr\n'
run $iomux -log=a -log=b -log-format=json -time=elapsed true # the format is for both
has a '^\{"time"'
cmp a b || fail both
run $iomux -log=a -log-format=annotate -time=elapsed -json echo x
has a '^0\.[0-9]{6} O: x$'
run $iomux -log=a -time=unix echo x # annotated if no format is given, and the screen is not
has a '^[0-9]{10,}\.[0-9]{6} O: x$'
prints 'x\n'
for bad in '-log-format=json' '-log-format=xml -log=x' '-log=x -log-format=json -log-format=plain' '-log=x -log-format=json -log=y -log-format=plain' '-log='; do
	run $iomux $bad true
	exits 125
done
# Files of a kind, each emptied or added to.
for n in 1 2; do
	run $iomux -stdout-file=o1 -stdout-file=o2 -stdout-append=o3 -stderr-append=e -combined-append=c -log=l -append=false sh -c "$cmd"
done
expect o1 'out\n'
cmp o1 o2 || fail second file
expect o3 'out\nout\n'
expect e 'err\nerr\n'
expect c 'out\nerr\nout\nerr\n'
[ $(wc -l <l) = 4 ] || fail log emptied
run $iomux -append -log=l -stdout-file=o1 sh -c "$cmd"
[ $(wc -l <l) = 8 ] || fail log added to
expect o1 'out\nout\n'
