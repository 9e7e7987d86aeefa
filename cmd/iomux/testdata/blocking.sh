# The command cannot make its output nonblocking, if that is asked for.
command -v python3 >/dev/null || skip no python3
cat >nonblocking.py <<'EOF'
import os
os.set_blocking(1, False)
os.set_blocking(2, False)
for i in range(500):
    os.write(1, b"o" * 1000)
    os.write(2, b"e" * 1000)
print(os.get_blocking(1) and os.get_blocking(2))
EOF
run $iomux -blocking=always python3 nonblocking.py
case $(cat err) in *'command not started'*) skip no filters here ;; esac
exits 0
[ $(wc -c <err) = 500000 ] || fail errors
[ $(wc -c <out) = 500005 ] || fail output
has out 'True$'
# Others beside it lose nothing, either.
run $iomux -blocking=always sh -c 'python3 -c "import os, sys; os.set_blocking(1, False); sys.stdin.read()" & seq 20000; exit 3'
exits 3
[ $(wc -l <out) = 20000 ] || fail lines
# By itself for programs that are called node, and as root.
ln -s "$(command -v cat)" node
printf '#!%s/node /proc/self/status\n' "$PWD" >script
chmod +x script
for flags in '' -blocking=auto -blocking=never; do
	for command in './node /proc/self/status' ./script; do
		run $iomux $flags $command
		exits 0
		case $flags in
		*never) grep -q '^Seccomp:.2' /proc/self/status || has out '^Seccomp:.0' ;;
		*) has out '^Seccomp:.2' ;;
		esac
	done
done
# It is said why not, in a line, and nothing is started.
run $iomux -blocking=sometimes touch started
exits 125
run $iomux -blocking=never -tty touch started
exits 125
run $iomux -blocking=always ./does-not-exist
exits 127
complains 'iomux: ./does-not-exist: no such file or directory\n'
run $iomux -blocking=always
exits 125
[ ! -e started ] || fail started
