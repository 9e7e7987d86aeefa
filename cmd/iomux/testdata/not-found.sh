run $iomux no-such-command
exits 127
prints ''
has err '^iomux: .*no-such-command'
run $iomux ./no/such/command
exits 127
has err '^iomux: .*no/such/command: no such file'
run $iomux -annotate -json no-such-command # bad flags are found first
exits 125
# It is in the logs, too, whatever is quiet.
t='^[0-9:]{8}'
run $iomux -annotate -log=l -log-format=json no-such-command
exits 127
[ $(wc -l <out) = 2 ] || fail lines
has out "$t E: iomux: no-such-command: .*not found"
has out "$t I: Finished with exitcode 127$"
has err '^iomux: .*no-such-command'
has l '"event":"exit","code":127,"error":"no-such-command: .*not found'
run $iomux -quiet -json ./no/such/command
exits 127
has out '"event":"exit","code":127,"error":"./no/such/command: no such file'
has err 'no such file'
run $iomux -combined-file=c no-such-command
expect c ''
# Where both lead to the same place it is said once.
code=0
$iomux -annotate no-such-command 2>&1 | cat >out
[ $(grep -c no-such-command out) = 1 ] || fail twice
