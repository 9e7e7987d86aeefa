# Of a progress bar each state is a line with -cr, and the last one with -plain.
command -v curl >/dev/null || skip no curl
head -c 30000000 /dev/zero >big
run $iomux -cr -annotate -time=unix curl -# -o copy "file://$PWD/big"
exits 0
complains ''
cmp big copy || fail copy
tr '\r' '!' <out | grep -q '!' && fail a carriage return is left
has out '^[0-9.]+ E: #+ +100\.0%$'
run $iomux -plain curl -# -o copy "file://$PWD/big"
exits 0
prints ''
[ $(wc -l <err) = 1 ] || fail lines
has err '^#+ 100\.0%$'
