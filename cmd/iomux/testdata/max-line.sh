# A line that is longer than -max-line comes in parts, which end where a character
# does.
cmd='printf 0123456789abcdef; echo x; echo 01234567; printf "1234567\303\251\n" >&2'
run $iomux -json -max-line=8 sh -c "$cmd"
exits 0
sed -E 's/"time":"[^"]*",//; s/"pid":[0-9]+,//' out >text
cat >want <<'END'
{"stream":"stdout","text":"01234567","partial":true}
{"stream":"stdout","text":"89abcdef","partial":true}
{"stream":"stdout","text":"x","partial":true,"last":true}
{"stream":"stdout","text":"01234567"}
{"stream":"stderr","text":"1234567","partial":true}
{"stream":"stderr","text":"é","partial":true,"last":true}
{"event":"exit","code":0}
END
cmp text want || fail parts
run $iomux -annotate -max-line 8 sh -c "$cmd"
cut -c 10- out >text
sed -i 's/^I: Started.*/I: Started/' text
expect text 'I: Started\nO: 0123456789abcdefx\nO: 01234567\nE: 1234567\303\251\nI: Finished with exitcode 0\n'
for size in 0 -1 1X '' K 1KK 9999999999G; do
	run $iomux -max-line=$size true
	exits 125
done
for size in 1 64K 1M 2MiB 1g 4kB; do
	run $iomux -max-line=$size true
	exits 0
done
