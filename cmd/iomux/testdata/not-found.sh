run $iomux no-such-command
exits 127
prints ''
has err '^iomux: .*no-such-command'
run $iomux ./no/such/command
exits 127
has err '^iomux: .*no/such/command: no such file'
run $iomux -annotate -json no-such-command # bad flags are found first
exits 125
run $iomux -annotate no-such-command
exits 127
prints ''
