# One object a line.
run $iomux -json sh -c 'echo "a<\"\\"; echo b >&2; echo; printf "\377\n"; printf end; exit 3'
exits 3
complains ''
t='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}(Z|[+-][0-9]{2}:[0-9]{2})'
[ $(grep -Ec "^\{\"time\":\"$t\"," out) = 6 ] || fail times
sed -E 's/"time":"[^"]*",//; s/"pid":[0-9]+,//' out >text
cat >want <<'END'
{"stream":"stdout","text":"a<\"\\"}
{"stream":"stderr","text":"b"}
{"stream":"stdout","text":""}
{"stream":"stdout","base64":"/w=="}
{"stream":"stdout","text":"end","partial":true}
{"event":"exit","code":3}
END
cmp text want || fail objects
if [ $transport$kernel_tells = socketyes ]; then
	has out '"pid":[0-9]+'
else
	! grep -q pid out || fail pid
fi
run $iomux -json sh -c 'kill -15 $$'
has out '"event":"exit","code":143,"signal":"SIGTERM"\}$'
