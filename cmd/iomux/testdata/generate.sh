# The manual page and the completions go to standard output, and nothing is run.
for what in man bash zsh fish; do
	run $iomux -generate $what touch started
	exits 0
	complains ''
	[ -s out ] || fail nothing for $what
done
[ ! -e started ] || fail it started the command
run $iomux -generate nothing
exits 125
