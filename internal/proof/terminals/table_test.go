//go:build linux && (amd64 || arm64)

package terminals_test

// A program is a command whose output is compared with that on a real terminal.
type program struct {
	name   string
	needs  string            // programs that must be there, separated by blanks
	files  map[string]string // that it finds in its directory
	build  string            // what the shell runs there first, not on a terminal
	run    string            // what the shell runs on the terminal
	colour bool              // it writes escape sequences there
	slow   bool              // too much so for short tests
	dir    string            // with its files, after the build
}

const (
	cSource = `#include <stdio.h>
int main(void) { printf("out\n"); fprintf(stderr, "err\n"); printf("out\n"); printf("end"); return 3; }
`
	cppSource = `#include <iostream>
#include <cstdio>
int main() { std::ios::sync_with_stdio(true); std::printf("out\n"); std::cerr << "err\n"; std::cout << "out\n"; return 3; }
`
	rustSource = `fn main() { println!("out"); eprintln!("err"); println!("out"); std::process::exit(3) }
`
	javaSource = `public class T { public static void main(String[] a) {
	System.out.println("out"); System.err.println("err"); System.out.println("out"); System.out.println(System.console() != null); System.exit(3); } }
`
	badC = "int main(void) { return x; }\n"
)

// programs are those that were ever found to differ somewhere, in each language
// that anybody had at hand.
var programs = []program{
	{name: "c", needs: "gcc", files: map[string]string{"t.c": cSource}, build: "gcc -o t t.c", run: "./t"},
	{name: "c static", needs: "gcc", files: map[string]string{"t.c": cSource}, build: "gcc -static -o t t.c", run: "./t"},
	{name: "c++", needs: "g++", files: map[string]string{"t.cc": cppSource}, build: "g++ -o t t.cc", run: "./t"},
	{name: "musl", needs: "musl-gcc", files: map[string]string{"t.c": cSource}, build: "musl-gcc -o t t.c", run: "./t"},
	{name: "tcc", needs: "tcc", files: map[string]string{"t.c": cSource}, run: "tcc -run t.c"},
	{name: "go", run: `"$GREET" greet`},
	{name: "rust", needs: "rustc", files: map[string]string{"t.rs": rustSource}, build: "rustc -o t t.rs", run: "./t", slow: true},
	{name: "java", needs: "java javac", files: map[string]string{"T.java": javaSource}, build: "javac T.java", run: "java -Xshare:auto -cp . T", slow: true},
	{name: "perl", needs: "perl", run: `perl -e 'print "out\n"; print STDERR "err\n"; print "out\n"; print -t STDOUT ? "tty\n" : "no\n"; exit 3'`},
	{name: "python", needs: "python3", run: `python3 -c 'import sys, os
print("out"); print("err", file=sys.stderr); print("out"); print(sys.stdout.isatty(), os.get_terminal_size(), file=sys.stderr); sys.exit(3)'`},
	{name: "python traceback", needs: "python3", run: `python3 -c 'print("out"); 1/0'`},
	{name: "python argparse", needs: "python3", run: `python3 -c 'import argparse; p = argparse.ArgumentParser(prog="t"); p.add_argument("--long-option-name", help="word " * 40); p.parse_args(["-h"])'`},
	{name: "python curses", needs: "python3", run: `python3 -c 'import curses; curses.setupterm(); print(curses.tigetnum("cols"), curses.tigetnum("colors"))'`},
	{name: "ruby", needs: "ruby", run: `ruby -e 'puts "out"; warn "err"; puts "out"; puts $stdout.tty?; exit 3'`},
	{name: "awk", needs: "awk", run: `awk 'BEGIN { print "out"; print "err" >"/dev/stderr"; print "out"; exit 3 }'`},
	{name: "gawk", needs: "gawk", run: `gawk 'BEGIN { print "out"; print "err" >"/dev/stderr"; print "out"; exit 3 }'`},
	{name: "mawk", needs: "mawk", run: `mawk 'BEGIN { print "out"; print "err" >"/dev/stderr"; print "out"; exit 3 }'`},
	{name: "busybox", needs: "busybox", run: `busybox sh -c 'echo out; busybox ls --color=auto / | busybox head -3; busybox stty size <&1; busybox awk "BEGIN { print 1; print 2 >\"/dev/stderr\"; print 3 }"'`},
	{name: "node", needs: "node", run: `node -e 'console.log("out"); console.error("err"); console.log({a: 1, b: [true, null]}, process.stdout.columns, process.stdout.isTTY); process.exit(3)'`, colour: true},
	{name: "node large", needs: "node", run: `node -e 'process.stdout.write("x".repeat(1e6) + "\n"); console.error("err"); process.exit(3)'`},
	{name: "node error", needs: "node", run: `node -e 'console.log("out"); null.x' 2>&1 | head -3; node -e 'console.log("out"); process.exit(3)'`},
	{name: "bun", needs: "bun", run: `bun -e 'console.log("out"); console.error("err"); console.log("out", process.stdout.isTTY); process.exit(3)'`},
	{name: "deno", needs: "deno", run: `deno eval 'console.log("out"); console.error("err"); console.log({a: 1}, Deno.stdout.isTerminal()); Deno.exit(3)'`, colour: true},
	{name: "php", needs: "php", run: `php -r 'echo "out\n"; fwrite(STDERR, "err\n"); echo "out\n"; var_dump(stream_isatty(STDOUT), posix_isatty(STDERR)); exit(3);'`},
	{name: "lua", needs: "lua", run: `lua -e 'print("out"); io.stderr:write("err\n"); print("out"); os.exit(3)'`},
	{name: "tcl", needs: "tclsh", run: `echo 'puts out; puts stderr err; puts out; exit 3' | tclsh`},
	{name: "R", needs: "Rscript", run: `Rscript -e 'cat("out\n"); message("err"); cat("out\n"); quit(status = 3)'`},
	{name: "haskell", needs: "ghc", files: map[string]string{"t.hs": "import System.IO\nimport System.Exit\nmain = do { putStrLn \"out\"; hPutStrLn stderr \"err\"; putStrLn \"out\"; exitWith (ExitFailure 3) }\n"}, build: "ghc -v0 -o t t.hs", run: "./t"},
	{name: "ocaml", needs: "ocamlfind", files: map[string]string{"t.ml": "let () = print_endline \"out\"; prerr_endline \"err\"; print_endline \"out\"; exit 3\n"}, build: "ocamlfind ocamlopt -o t t.ml", run: "./t"},
	{name: "fortran", needs: "gfortran", files: map[string]string{"t.f90": "program t\nwrite(*,*) 'out'\nwrite(0,*) 'err'\nwrite(*,*) 'out'\ncall exit(3)\nend\n"}, build: "gfortran -o t t.f90", run: "./t"},
	{name: "guile", needs: "guile", run: `guile -c '(display "out\n") (display "err\n" (current-error-port)) (display "out\n") (exit 3)'`},
	{name: "sh", run: shellScript("sh")},
	{name: "bash", needs: "bash", run: shellScript("bash")},
	{name: "dash", needs: "dash", run: shellScript("dash")},
	{name: "zsh", needs: "zsh", run: shellScript("zsh")},
	{name: "ksh", needs: "ksh", run: shellScript("ksh")},
	{name: "fish", needs: "fish", run: `fish --no-config -c 'echo out; echo err >&2; isatty stdout; and echo tty; exit 3'`, slow: true},
	{name: "background", build: "mkfifo go", run: `(read x <go; echo late) & echo out; echo err >&2; echo >go; wait`},
	{name: "dev stderr", run: `echo out; echo err >/dev/stderr; echo out >/dev/stdout; cat /dev/null`},
	{name: "gcc error", needs: "gcc", files: map[string]string{"t.c": badC}, run: "gcc t.c", colour: true},
	{name: "g++ error", needs: "g++", files: map[string]string{"t.cc": badC}, run: "g++ -Wall t.cc", colour: true, slow: true},
	{name: "clang error", needs: "clang", files: map[string]string{"t.c": badC}, run: "clang t.c", colour: true},
	{name: "rustc error", needs: "rustc", files: map[string]string{"t.rs": "fn main() { x }\n"}, run: "rustc t.rs", colour: true, slow: true},
	{name: "ls", files: map[string]string{"a": "", "b": "", "c": ""}, build: "mkdir d; for i in $(seq 100); do : >file$i; done", run: "ls --color=auto; ls no-such-file; ls -l --time-style=+ d", colour: true},
	{name: "grep", files: map[string]string{"a": "one\ntwo\nthree\n"}, run: "grep --color=auto -n o a; grep x no-such-file; grep --color=auto x a", colour: true},
	{name: "diff", needs: "diff", files: map[string]string{"a": "one\ntwo\n", "b": "one\nthree\n"}, run: "diff --color=auto a b; diff a no-such-file", colour: true},
	{name: "git", needs: "git", files: map[string]string{"a": "one\n"}, build: gitSetup, run: "git log --oneline --graph; echo two >>a; git diff; git status --short; git branch; git log no-such-branch", colour: true},
	{name: "git long log", needs: "git", build: "git init -q; for i in $(seq 200); do git -c user.name=n -c user.email=e -c commit.gpgsign=false commit -q --allow-empty -m $i --date=2020-01-01T00:00:00; done", run: "git log --format=%s", slow: true},
	{name: "tput", needs: "tput", run: "tput cols; tput lines; tput colors; tput setaf 1; echo red; tput sgr0", colour: true},
	{name: "stty", needs: "stty", run: "stty size <&1; stty -a <&2; stty -echo <&1; stty -a <&2; stty sane <&2"},
	{name: "test -t", run: "for i in 0 1 2 3; do test -t $i && echo $i; done"},
	{name: "tee", run: "echo out | tee /dev/stderr; seq 1000 | tee -a copy | tail -1"},
	{name: "xargs", needs: "xargs", run: `seq 20 | xargs -n 1 -t echo`},
	{name: "make", needs: "make", files: map[string]string{"Makefile": "all: a b\na b:\n\t@echo $@; echo error $@ >&2\nfail:\n\tfalse\n"}, run: "make --no-print-directory; make fail"},
	{name: "make -j", needs: "make", files: map[string]string{"Makefile": "all: a\n\t@echo all\na: b\n\t@echo $@; echo error $@ >&2\nb:\n\t@echo $@\n"}, run: "make --no-print-directory -j4"},
	{name: "make and gcc", needs: "make gcc", files: map[string]string{"t.c": cSource, "Makefile": "t: t.c\n"}, run: "make --no-print-directory && ./t"},
	{name: "cmake", needs: "cmake", run: "cmake -E cmake_echo_color --red red; cmake -E echo out; cmake -E no-such-command", colour: true, slow: true},
	{name: "ninja", needs: "ninja", files: map[string]string{"build.ninja": "rule e\n command = echo $out; touch $out\nbuild a: e\nbuild b: e a\n"}, run: "ninja -j1"},
	{name: "cargo", needs: "cargo", run: "cargo no-such-command", colour: true, slow: true},
	{name: "go vet", needs: "go", files: map[string]string{"go.mod": "module t\n", "t.go": "package main\n\nfunc main() { x }\n"}, run: "go vet .", slow: true},
	{name: "npm", needs: "npm", files: map[string]string{"package.json": `{"name":"t","version":"1.0.0","scripts":{"x":"echo out; echo err >&2; exit 3"}}`}, run: "npm run x --no-update-notifier --loglevel=error 2>&1 | grep -v 'A complete log'", slow: true},
	{name: "sqlite", needs: "sqlite3", run: `echo 'create table t(a, b); insert into t values (1, 2); select * from t; select x;' | sqlite3`},
	{name: "jq", needs: "jq", run: `echo '{"a": [1, null, "x"]}' | jq .; echo '{' | jq .`, colour: true},
	{name: "bc", needs: "bc", run: `echo '2^100; 1/0; 3' | bc`},
	{name: "curl", needs: "curl", run: "curl -sS file:///does/not/exist; curl -sS file://$PWD/no-such-file file:///dev/null"},
	{name: "tar", needs: "tar", files: map[string]string{"a": "x"}, run: "tar cvf t.tar a no-such-file; tar cf - a"},
	{name: "dd", needs: "dd", run: "dd if=/dev/zero bs=1000 count=50 status=none; dd if=/does/not/exist"},
	{name: "sort", run: "seq 10000 | sort -rn | head -100; sort no-such-file"},
	{name: "man", needs: "man", run: "MANPAGER=cat man no-such-page; MANPAGER=cat man -P cat ls | head -20", slow: true},
	{name: "less without keys", needs: "less", files: map[string]string{"a": "one\ntwo\n"}, run: "less -F -X a </dev/null", colour: true},
	{name: "column", needs: "column", run: "seq 100 | column"},
	{name: "script", needs: "script", run: "script -qec 'test -t 1 && echo inner' /dev/null"},
	{name: "expect", needs: "expect", run: `expect -c 'spawn -noecho echo inner; expect eof; send_error err\n; exit 3'`, slow: true},
	{name: "gdb", needs: "gdb", run: "gdb -nx -batch -ex 'print 6*7' -ex 'no-such-command'", slow: true},
	{name: "vim", needs: "vim", files: map[string]string{"a": "one\ntwo\n"}, run: "vim -u NONE -es -c '%p' -c 'q!' a; echo"},
	{name: "patch", needs: "patch", files: map[string]string{"p": "garbage\n"}, run: "patch <p"},
}

func shellScript(shell string) string {
	return shell + ` -c 'echo out; echo err >&2; [ -t 1 ] && [ -t 2 ] && echo tty; printf "%s\n" 1 2 3 | cat; (echo sub; exit 3)'`
}

const gitSetup = `git init -q -b main; git add a
git -c user.name=n -c user.email=e -c commit.gpgsign=false commit -q -m first --date=2020-01-01T00:00:00`
