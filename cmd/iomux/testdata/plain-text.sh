# Without control sequences, and with the last state of a line that was written
# over.
command -v jq >/dev/null || skip no jq
cmd='printf "\033[1;31mred\033[0m\n\033]0;title\007text\n 10 %%\r 20 %%\r100 %%\n\033[32mdone" ; printf "\033[2Kerr\r\n" >&2'
text='red\ntext\n100 %%\ndone'
run $iomux -plain sh -c "$cmd"
prints "$text"
complains 'err\n'
run $iomux -plain -json -stdout-file=o -combined-file=c -log=l -log-format=plain -color=always sh -c "$cmd"
jq -r 'select(.stream == "stdout").text' out >got
expect got "$text\n"
expect o "$text"
cmp c l || fail combined
has c '^err$'
[ $(wc -c <c) = $(($(wc -c <o) + 4)) ] || fail combined
run $iomux -plain -annotate -log=l -log-format=json sh -c "$cmd"
[ $(grep -Ec '[OE]: (red|text|100 %|done|err)$' out) = 5 ] || fail annotated
[ $(jq -r 'select(.stream == "stdout").text' l | cmp - got && echo same) = same ] || fail log
# Without -plain, everything is as it was.
run $iomux -stdout-file=o sh -c "$cmd"
cmp o out || fail raw copy
has o "$(printf '\033')"
