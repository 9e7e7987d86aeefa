# A name before each line, and in each object.
command -v jq >/dev/null || skip no jq
run $iomux -name web sh -c 'echo out; echo err >&2; printf end'
prints 'web | out\nweb | end\n'
complains 'web | err\n'
run $iomux -name=web -annotate echo out
[ $(grep -Ec '^web \| [0-9:]{8} (O: out|I: Started echo out|I: Finished with exitcode 0)$' out) = 3 ] || fail annotated
run $iomux -name='a "b"' -json echo out
[ "$(jq -r .name out | sort -u)" = 'a "b"' ] || fail json
run $iomux -name=web -stdout-file=o -log=p -log-format=plain -log-format=json -log=j -color=always echo out
expect o 'out\n'
expect p 'web | out\n'
has j '"name":"web"'
has out "^$(printf '\033')\[[0-9]+mweb \|$(printf '\033')\[0m out$"
