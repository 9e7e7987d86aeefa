# A script without #! is run as by a shell.
printf 'echo "$0:$#:$2"\necho err >&2\nexit 7\n' >script
chmod 755 script
run $iomux ./script 'a b' '' -x
exits 7
prints './script:3:\n'
complains 'err\n'
mkdir dir
mv script dir
run env PATH="$PWD/dir:$PATH" $iomux script 1 2
exits 7
prints "$PWD/dir/script:2:2\n"
mv dir/script ./-c
run env PATH=".:$PATH" $iomux -- -c 'exit 1' 2
exits 7
prints './-c:2:2\n'
: >empty
chmod 755 empty
run $iomux ./empty
exits 0
prints ''
complains ''
