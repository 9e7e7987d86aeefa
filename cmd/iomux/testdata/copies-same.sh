# The same file for both streams is one file.
run $iomux -stdout-file=log -stderr-file=./log sh -c 'echo 1; echo 2 >&2; echo 3; echo 4 >&2'
expect log '1\n2\n3\n4\n'
