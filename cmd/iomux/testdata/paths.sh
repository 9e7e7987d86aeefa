# Under pipes the streams can be opened by path.
[ $transport = pipe ] || skip not with sockets
run $iomux sh -c 'echo out >/dev/stdout; echo err >/dev/stderr'
exits 0
prints 'out\n'
complains 'err\n'
