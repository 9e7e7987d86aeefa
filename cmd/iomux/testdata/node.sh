[ $transport = pipe ] || skip not with sockets
command -v node >/dev/null || skip no node
run $iomux node -e 'console.log("x".repeat(300000)); console.error("err"); process.exitCode = 3'
exits 3
[ $(wc -c <out) = 300001 ] || fail length
complains 'err\n'
