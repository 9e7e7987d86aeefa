# What the scripts use. Each runs in a directory of its own, once for each
# transport: $iomux is the command with the flag for it, $transport its name;
# $kernel_tells is yes where sockets tell the process that wrote.
set -eu

fail() {
	echo "failed: $*"
	for f in out err; do
		[ -f $f ] && { echo "--- $f"; head -c 2000 $f; }
	done
	exit 1
}

skip() {
	echo "$*"
	exit 77
}

# run keeps what a command prints in the files out and err, and its exit code.
run() {
	code=0
	"$@" >out 2>err || code=$?
}

exits() { [ $code = $1 ] || fail "exit code $code, want $1"; }

# prints and complains compare standard output and standard error with a text
# that has the escapes of printf.
prints() { expect out "$1"; }
complains() { expect err "$1"; }

expect() {
	printf -- "$2" >want
	cmp -s want $1 || { diff -a want $1 || true; fail "$1 is not as it should be"; }
}

# has looks for a line in a file that matches a regular expression.
has() { grep -Eq -- "$2" $1 || fail "$1 has no line that matches $2"; }

# gone waits for the end of a process that may still be ending. Nobody need have
# taken note of that end: it may be the child of another by now.
gone() {
	while kill -0 $1 2>/dev/null && ! grep -q '^State:.Z' /proc/$1/status 2>/dev/null; do :; done
}
