# One dash or two; flags end at -- or at the command, whose own are left alone.
run $iomux --color=never -- echo -annotate -- -x
exits 0
prints '-annotate -- -x\n'
run $iomux echo -h
prints '-h\n'
