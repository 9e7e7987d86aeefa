# A file that cannot be opened: nothing is started, and no other file is emptied.
echo precious >keep
run $iomux -stdout-file=keep -stderr-file=no/such/directory/file sh -c 'echo started >started'
exits 125
prints ''
has err '^iomux: .*no/such/directory/file: no such file or directory$'
[ ! -e started ] || fail started
expect keep 'precious\n'
run $iomux -combined-file=/ sh -c 'echo started >started'
exits 125
[ ! -e started ] || fail started
