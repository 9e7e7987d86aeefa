# Other times; -time alone annotates.
stamp() {
	run $iomux -time=$1 echo x
	exits 0
	[ $(grep -Ec "^$2 [IO]: " out) = 3 ] || fail $1
}
stamp 15:04:05.000 '[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}'
stamp elapsed '[0-9]+\.[0-9]{6}'
stamp unix '[0-9]{10,}\.[0-9]{6}'
stamp rfc3339 '[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})'
