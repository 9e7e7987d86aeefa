# Without the guard, who makes the output nonblocking is heard to the end, and what
# may be lost is told, once, on standard error, with the command whose output it is.
[ "$transport" = pipe ] || skip sockets tell nothing
command -v python3 >/dev/null || skip no python3
cat >nonblocking.py <<'EOS'
import os, subprocess, time
os.set_blocking(1, False)
os.write(1, b"first\n")
while not os.get_blocking(1): time.sleep(0.0001)
subprocess.run(["seq", "20000"])
EOS
run $iomux -blocking=never python3 nonblocking.py
exits 0
[ $(wc -l <out) = 20001 ] || fail lines
complains 'iomux: python3: the output was made nonblocking, so some of it may be lost; -blocking=always prevents that\n'
run $iomux -blocking=never sh -c 'echo out; echo err >&2'
complains 'err\n'
