# As annotate-output prints it.
run $iomux -annotate sh -c 'echo a; echo b >&2; echo; printf c; exit 2'
exits 2
complains ''
[ $(grep -Ec '^[0-2][0-9]:[0-5][0-9]:[0-6][0-9] [IOE]: ' out) = 6 ] || fail times
cut -d ' ' -f 2- out >text
expect text 'I: Started sh -c echo a; echo b >&2; echo; printf c; exit 2\nO: a\nE: b\nO: \nO: c\nI: Finished with exitcode 2\n'
run $iomux -annotate sh -c 'kill -15 $$'
has out 'I: Finished with exitcode 143$'
