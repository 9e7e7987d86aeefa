# Lines of several at once, into one pipe or file, stay whole.
command -v jq >/dev/null || skip no jq
cat >lines.sh <<'END'
i=0
while [ $i -lt 300 ]; do
	echo "line $i of $1 $filler"; i=$((i + 1))
done
head -c $2 /dev/zero | tr '\0' "$1"
echo
END
filler=$(head -c 70 /dev/zero | tr '\0' x)
export filler
four() {
	for job in a b c d; do
		$iomux "$@" -json sh lines.sh $job 200000 &
	done
	wait
}
count() {
	[ $(jq -c 'select(.stream)' $1 | wc -l) = 1204 ] || fail lines in $1
	[ $(jq 'select(.text).text | length' $1 | grep -c 200000) = 4 ] || fail long lines in $1
}
four | cat >pipe
count pipe
four >file
count file
for job in a b c d; do
	$iomux -json sh lines.sh $job 200000 >>added &
done
wait
count added
four -log-format=json -append -log=log >file
count log
