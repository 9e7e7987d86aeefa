# With -cr a carriage return ends a line as well.
command -v jq >/dev/null || skip no jq
cmd='printf "\r 1 %%\r 2 %%\r\n\nend\r\n\r\r\nmore"'
run $iomux -cr -json sh -c "$cmd"
jq -r 'select(.stream).text' out >text
expect text ' 1 %%\n 2 %%\n\nend\n\nmore\n'
run $iomux -cr -annotate -stdout-file=c sh -c "$cmd"
[ $(grep -c ' O: ' out) = 6 ] || fail lines
! grep -q "$(printf '\r')" out || fail carriage return
expect c '\r 1 %%\r 2 %%\r\n\nend\r\n\r\r\nmore' # a copy is a copy
# Each is shown at once.
mkfifo printed go
$iomux -cr -annotate sh -c 'printf "1 %%\r"; read x <go; printf "2 %%\r"' >printed &
exec 3<printed
read started <&3
read line <&3
[ "${line#*O: }" = "1 %" ] || fail "$line"
echo >go
cut -c 10- <&3 >out
wait $! || fail code
prints 'O: 2 %%\nI: Finished with exitcode 0\n'
