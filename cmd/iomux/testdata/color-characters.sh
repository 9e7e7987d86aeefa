# No code inside a character, or inside an escape sequence, cut by a write.
mkfifo go1 go2
cmd='printf "\303" >&2; read x <go1; printf "\251\n" >&2; printf "\033[1" >&2; read x <go2; printf "mbold" >&2'
$iomux -color=always sh -c "$cmd" 2>err &
echo >go1
echo >go2
wait $! || fail code
tr -d '\033' <err >text
grep -q "$(printf '\303\251')" text || fail character
grep -q '\[1mbold' text || fail sequence
tail -c 4 err | grep -q '\[0m' || fail end
