# Copies of each stream, and of both in order, beside the normal output.
echo old >o; echo old >e; echo old >c
run $iomux -stdout-file=o -stderr-file=e -combined-file=c sh -c 'echo 1; echo 2 >&2; echo 3; printf 4 >&2'
exits 0
prints '1\n3\n'
complains '2\n4'
expect o '1\n3\n'
expect e '2\n4'
expect c '1\n2\n3\n4'
run $iomux -append -annotate -combined-file c sh -c 'echo 5; exit 2'
exits 2
expect c '1\n2\n3\n45\n'
