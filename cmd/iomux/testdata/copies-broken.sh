# A copy whose reader goes away is reported once; the rest goes on.
mkfifo copy go
sh -c 'read line <copy; echo >go' &
run $iomux -combined-file=copy -stdout-file=o -log=l -log-format=plain sh -c 'echo 1; read x <go; for n in 2 3 4 5; do echo $n; done; exit 3'
exits 125
prints '1\n2\n3\n4\n5\n'
expect o '1\n2\n3\n4\n5\n'
expect l '1\n2\n3\n4\n5\n'
[ $(grep -c '^iomux: write copy: broken pipe$' err) = 1 ] || fail report
[ $(wc -l <err) = 1 ] || fail more than that
