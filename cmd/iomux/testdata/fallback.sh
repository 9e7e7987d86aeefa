# Without ordered pipes it takes sockets, and says so once.
run iomux-without-pipes sh -c 'echo out; echo err >&2'
exits 0
prints 'out\n'
complains 'iomux: using sockets, because ordered pipes are not available: make Mux: none today\nerr\n'
run iomux-without-pipes -socket echo out
complains ''
