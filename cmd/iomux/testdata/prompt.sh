# A line that waits for its end is shown, and nothing of it twice.
mkfifo printed go
$iomux -annotate sh -c 'printf "name? "; read x <go; printf "$x"; echo err >&2; echo " end"' >printed &
exec 3<printed
read started <&3
[ "$(dd bs=18 count=1 <&3 2>/dev/null | cut -c 10-)" = "O: name? " ] || fail prompt
echo you >go
cut -c 10- <&3 >out
wait $! || fail code
# The rest follows the beginning, and where something else comes first it says that
# it is a rest.
prints '\nE: err\nO+ you end\nI: Finished with exitcode 0\n'
