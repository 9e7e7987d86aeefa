# Without a command, and with flags that cannot be: 125, and nothing on standard
# output.
bad() {
	run $iomux "$@"
	exits 125
	prints ''
	has err '^(iomux|usage): '
}
bad
[ $(wc -l <err) -le 3 ] || fail usage is not short
bad -annotate
bad -no-such-flag true
bad -annotate -json true
bad -json -time=unix true
bad -color=sometimes true
bad -time= true
bad -time=%H:%M:%S true
bad -wait=-1s true
bad -wait=soon true
bad -stdout-file= true
