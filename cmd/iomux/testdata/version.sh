# The version needs no command, and starts none.
run $iomux -version
exits 0
complains ''
has out '^iomux [^ ]+ go[^ ]+ [a-z]+/[a-z0-9]+$'
[ $(wc -l <out) = 1 ] || fail more than a line
run $iomux --version -- touch started
exits 0
[ ! -e started ] || fail it started the command
run $iomux -version=x
exits 125
