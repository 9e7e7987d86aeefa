echo text >file
chmod 644 file
run $iomux ./file
exits 126
prints ''
has err '^iomux: .*file: permission denied'
mkdir dir
run $iomux ./dir
exits 126
printf '\001\002' >nonsense
chmod 755 nonsense
run $iomux ./nonsense
exits 126
# Programs for another machine are no scripts, whatever their first line says.
printf '\177ELF\002\001\001\000\nexit 0\n' >foreign
printf 'MZ\220\000\nexit 0\n' >windows
chmod 755 foreign windows
for f in foreign windows; do
	run $iomux ./$f
	exits 126
	prints ''
	complains "iomux: ./$f: exec format error\n"
done
printf '#!/no/such/interpreter\n' >orphan
chmod 755 orphan
run $iomux ./orphan
exits 127
