package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// table returns all programs, with their families together.
func table() []*program {
	return slices.Concat(shells(), python(), scripting(), javaScript(), builds(), git(), tools())
}

// What goes wrong on sockets, and what to do.
const (
	noSuchFile   = "opening /dev/stderr fails (ENXIO)"
	noDatagram   = "prints nothing, or aborts"
	tooLong      = "a write longer than the largest datagram fails (EMSGSIZE)"
	noBinary     = "refuses to write binary data to a terminal"
	endOfReading = "takes the message that watches over its end for the end of its reader"

	takePipes = "NewPipe, Output or Run; iomux without -socket"
)

// shells are all shells, with the same scripts.
func shells() (all []*program) {
	for _, shell := range [][]string{{"dash"}, {"bash"}, {"zsh", "-f"}, {"mksh"}, {"busybox", "sh"}} {
		name := strings.Join(shell, " ")
		script := func(text string) []string { return append(slices.Clone(shell), "-c", text) }
		all = append(all,
			&program{name: name + ": lines on both streams", argv: script(
				`i=0; while [ $i -lt 300 ]; do echo $i; i=$((i+1)); echo $i >&2; i=$((i+1)); done; exit 3`), lines: 300, exit: 3},
			&program{name: name + ": >/dev/stderr", argv: script(
				`i=0; while [ $i -lt 100 ]; do echo $i; i=$((i+1)); echo $i >/dev/stderr; i=$((i+1)); echo $i >&2; i=$((i+1)); done 2>&2; [ $i -ge 100 ]`),
				lines: 102, sockets: noSuchFile, byPath: true, advice: "write to >&2 instead; on pipes the order of what is opened by its path is best effort"},
			&program{name: name + ": subshells and pipelines", argv: script(
				`for i in 0 2 4; do (echo $i); { echo $((i+1)) | cat; } >&2; done`), lines: 6},
			&program{name: name + ": background jobs", argv: script(
				`(echo 0; echo 1 >&2) & wait; (exec 3>&1; echo 2 >&3); (echo 3 & wait) >&2; exit 7`), lines: 4, exit: 7},
			&program{name: name + ": 2>&1", argv: script(`exec 2>&1; echo 0; echo 1 >&2; echo 2`), lines: 3},
			&program{name: name + ": not found", argv: script(`echo before; /no/such/program; echo after; no-such-program`), steady: true, exit: 127},
		)
		for _, p := range all[len(all)-6:] {
			p.needs = shell[:1]
		}
	}
	return family("Shells", all)
}

func python() []*program {
	py := func(name, script string) *program {
		return &program{name: "python3: " + name, needs: []string{"python3"}, argv: []string{"python3", "-S", "-c", script}}
	}
	with := func(p *program, change func(p *program)) *program { change(p); return p }
	return family("Python", []*program{
		with(py("flushed lines", "import sys\nfor i in range(300): print(i, file=[sys.stdout, sys.stderr][i % 2], flush=True)\nsys.exit(3)"),
			func(p *program) { p.lines, p.exit = 300, 3 }),
		with(py("traceback", "import sys\nprint('out', flush=True)\ntry: 1 / 0\nexcept Exception as e: raise RuntimeError('again') from e"),
			func(p *program) { p.steady, p.exit = true, 1 }),
		with(py("20 MB in one print", "print('x' * 20_000_000)"),
			func(p *program) { p.sockets, p.advice = tooLong, takePipes }),
		with(py("logging, warnings", "import logging, warnings\nlogging.basicConfig(level=logging.INFO)\nfor i in range(50): logging.info('line %d', i)\nwarnings.warn('old')"),
			func(p *program) { p.steady = true }),
		with(py("subprocesses", "import subprocess, sys\nfor i in range(0, 20, 2):\n    subprocess.run(['echo', str(i)])\n    subprocess.run(['sh', '-c', 'echo %d >&2' % (i + 1)])"),
			func(p *program) { p.lines = 20 }),
		with(py("multiprocessing", "import os\nfor i in range(20):\n    if (pid := os.fork()) == 0:\n        os.write(1 + i % 2, b'%d\\n' % i)\n        os._exit(0)\n    os.waitpid(pid, 0)"),
			func(p *program) { p.lines = 20 }),
		with(py("asyncio, connect_write_pipe", asyncioScript),
			func(p *program) { p.sockets, p.advice = endOfReading, takePipes }),
		with(py("sendfile(2), once, 5,000 bytes", "import os, tempfile\nf = tempfile.TemporaryFile()\nf.write(b'0123456789' * 500)\nf.flush()\nos.sendfile(1, f.fileno(), 0, 5000)"),
			func(p *program) {
				p.sockets, p.pipes = "writes what a pipe of one page takes, or nothing", "sendfile(2) returns when a pipe is full, after a page here"
				p.advice = "call it until all is written, as its manual page says"
			}),
		with(py("sendfile(2), until done, 5 MB", "import os, tempfile\nf = tempfile.TemporaryFile()\nf.write(b'0123456789' * 500_000)\nf.flush()\nat = 0\nwhile n := os.sendfile(1, f.fileno(), at, 5_000_000 - at): at += n"),
			func(p *program) {}),
		with(py("splice(2)", "import os\nr, w = os.pipe()\nfor i in range(100):\n    os.write(w, b'%d\\n' % i)\n    os.splice(r, 1 + i % 2, 100)"),
			func(p *program) { p.lines = 100 }),
		with(py("writev(2)", "import os\nfor i in range(100): os.writev(1 + i % 2, [b'%d' % i, b'', b'\\n'])"),
			func(p *program) { p.lines = 100 }),
		with(py("writev(2) of 1 MB", "import os\nb = [b'x' * 1000] * 1000\nn = os.writev(1, b)\nwhile n < 1_000_000: n += os.write(1, b'x' * (1_000_000 - n))"),
			func(p *program) {}),
		with(py("threads", "import os, threading\ndef say(t):\n    for i in range(200): os.write(t, b'line %d\\n' % i)\nall = [threading.Thread(target=say, args=(t,)) for t in (1, 2)]\n[t.start() for t in all]\n[t.join() for t in all]"),
			func(p *program) {}),
	})
}

// asyncioScript writes by the event loop, which makes its pipes nonblocking.
const asyncioScript = `import asyncio, sys
async def writer(loop, f):
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, f)
    return asyncio.StreamWriter(transport, protocol, None, loop)
async def main():
    loop = asyncio.get_running_loop()
    out, err = await writer(loop, sys.stdout), await writer(loop, sys.stderr)
    for i in range(200):
        out.write(b'out %d\n' % i)
        err.write(b'err %d\n' % i)
        await out.drain()
        await err.drain()
asyncio.run(main())
`

// scripting are other languages.
func scripting() []*program {
	return family("Other languages", []*program{
		{name: "perl: unbuffered lines", needs: []string{"perl"}, lines: 300, exit: 3,
			argv: []string{"perl", "-e", `$| = 1; for (0 .. 149) { print 2 * $_, "\n"; print STDERR 2 * $_ + 1, "\n" } exit 3`}},
		{name: "perl: die", needs: []string{"perl"}, steady: true, exit: 2,
			argv: []string{"perl", "-e", `$| = 1; print "out\n"; warn "careful\n"; $! = 2; die "the end\n"`}},
		{name: "perl: 5 MB in one syswrite", needs: []string{"perl"}, sockets: tooLong, advice: takePipes,
			argv: []string{"perl", "-e", `my $b = "x" x 5_000_000; my $at = 0; while ($at < length $b) { my $n = syswrite(STDOUT, $b, length($b) - $at, $at); defined $n or die $!; $at += $n }`}},
		{name: "ruby: unbuffered lines", needs: []string{"ruby"}, lines: 300, exit: 3,
			argv: []string{"ruby", "-e", `$stdout.sync = true; 150.times { |i| puts 2 * i; $stderr.puts 2 * i + 1 }; exit 3`}},
		{name: "ruby: raise", needs: []string{"ruby"}, steady: true, exit: 1,
			argv: []string{"ruby", "-e", `$stdout.sync = true; puts "out"; warn "careful"; raise "the end"`}},
		{name: "ruby: 2 MB", needs: []string{"ruby"}, argv: []string{"ruby", "-e", `200_000.times { puts "123456789" }`}},
		{name: "php: lines", needs: []string{"php"}, lines: 300,
			argv: []string{"php", "-n", "-r", `for ($i = 0; $i < 300; $i += 2) { fwrite(STDOUT, "$i\n"); fwrite(STDERR, ($i + 1) . "\n"); }`}},
		{name: "lua: lines", needs: []string{"lua5.4"}, lines: 300,
			argv: []string{"lua5.4", "-e", `io.stdout:setvbuf("no"); for i = 0, 299, 2 do print(i); io.stderr:write(i + 1, "\n") end`}},
		{name: "tcl: lines", needs: []string{"tclsh"}, lines: 300,
			files: map[string]string{"t.tcl": "fconfigure stdout -buffering line\nfor {set i 0} {$i < 300} {incr i 2} {puts $i; puts stderr [expr {$i + 1}]}\n"},
			argv:  []string{"tclsh", "t.tcl"}},
		{name: "awk: lines, flushed", needs: []string{"awk"}, lines: 100,
			argv: []string{"awk", `BEGIN { for (i = 0; i < 100; i += 2) { print i; fflush(); print i + 1 > "/dev/stderr"; fflush("/dev/stderr") } }`}},
		{name: "java: lines", needs: []string{"java"}, lines: 300,
			files: map[string]string{"T.java": "class T { public static void main(String[] a) { for (int i = 0; i < 300; i += 2) { System.out.println(i); System.err.println(i + 1); } } }\n"},
			argv:  []string{"java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "T.java"}},
	})
}

// The programs of the Node.js family make their pipes nonblocking.
func javaScript() []*program {
	const (
		burst      = `for (let i = 0; i < 30; i++) (i % 2 ? console.error : console.log)(i); process.exit(3)`
		many       = `for (let i = 0; i < 2000; i++) (i % 2 ? console.error : console.log)(i)`
		uncaught   = `console.log("before"); console.error("soon"); throw new Error("the end")`
		megabyte   = `process.stdout.write("x".repeat(1_000_000)); process.exit(0)`
		manyLines  = `for (let i = 0; i < 100000; i++) console.log(i)`
		timer      = `let i = 0; const t = setInterval(() => { console.log("out", i); console.error("err", i); if (++i == 100) clearInterval(t) }, 1)`
		withChild  = `require("child_process").spawnSync("sh", ["-c", "i=0; while [ $i -lt 200 ]; do echo $i; i=$((i+1)); done"], { stdio: "inherit" })`
		asyncChild = `console.log("begin"); require("child_process").spawn("sh", ["-c", "i=0; while [ $i -lt 2000 ]; do echo child $i; i=$((i+1)); done"], { stdio: "inherit" }).on("exit", c => console.log("end", c))`
		beside     = `sh -c 'i=0; while [ $i -lt 20000 ]; do echo shell $i; i=$((i+1)); done' & node -e 'for (let i = 0; i < 300; i++) console.error("node", i)'; wait`
		twoAtOnce  = `node -e 'for (let i = 0; i < 3000; i++) console.log("a", i)' & node -e 'for (let i = 0; i < 3000; i++) console.error("b", i)'; wait`
	)
	node := func(name, script string) *program {
		return &program{name: "node: " + name, needs: []string{"node"}, argv: []string{"node", "-e", script}, sockets: noDatagram, advice: takePipes}
	}
	with := func(p *program, change func(p *program)) *program { change(p); return p }
	all := []*program{
		with(node("30 lines and exit", burst), func(p *program) { p.lines, p.exit = 30, 3 }),
		with(node("2,000 lines on both streams", many), func(p *program) { p.lines = 2000 }),
		with(node("uncaught error", uncaught), func(p *program) { p.steady, p.exit = true, 1 }),
		node("1 MB and exit", megabyte),
		node("100,000 lines", manyLines),
		node("lines by a timer", timer),
		with(node("a child that inherits the output", withChild), func(p *program) { p.lines = 200 }),
		node("writing beside its child", asyncChild),
		with(node("beside a shell's loop", ""), func(p *program) { p.argv, p.clean = []string{"sh", "-c", beside}, sortedLines }),
		with(node("two at once", ""), func(p *program) { p.argv, p.clean = []string{"sh", "-c", twoAtOnce}, sortedLines }),
		{name: "npm: run", needs: []string{"npm", "node"}, argv: []string{"npm", "run", "--silent", "all"}, exit: 4, sockets: noDatagram, advice: takePipes,
			files: map[string]string{"package.json": `{"name": "t", "scripts": {"all": "echo out; echo err >&2; node -e 'for (let i = 0; i < 50; i++) console.log(i)'; exit 4"}}`}},
	}
	for _, other := range []struct {
		name string
		argv []string
	}{{"bun", []string{"bun", "-e"}}, {"deno", []string{"deno", "eval"}}} {
		run := func(name, script string) *program {
			return &program{name: other.name + ": " + name, needs: other.argv[:1], argv: append(slices.Clone(other.argv), script), sockets: noDatagram, advice: takePipes}
		}
		exit := "process.exit"
		if other.name == "deno" {
			exit = "Deno.exit"
		}
		all = append(all,
			with(run("30 lines and exit", strings.Replace(burst, "process.exit", exit, 1)), func(p *program) { p.lines, p.exit = 30, 3 }),
			with(run("2,000 lines on both streams", many), func(p *program) { p.lines = 2000 }),
			with(run("uncaught error", uncaught), func(p *program) { p.exit = 1 }),
			run("100,000 lines", manyLines),
		)
	}
	return family("Node.js and its like", all)
}

// sortedLines is for programs whose lines have no order.
func sortedLines(text string) string {
	lines := strings.SplitAfter(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// builds are compilers and what calls them.
func builds() []*program {
	makefile := func(recipes int, recipe string) map[string]string {
		var b strings.Builder
		b.WriteString("all:")
		for i := range recipes {
			fmt.Fprintf(&b, " t%d", i)
		}
		for i := range recipes {
			fmt.Fprintf(&b, "\nt%d:\n\t@%s\n", i, strings.ReplaceAll(recipe, "N", fmt.Sprint(i)))
		}
		return map[string]string{"Makefile": b.String()}
	}
	goModule := map[string]string{
		"go.mod":    "module example.com/m\n\ngo 1.24\n",
		"m.go":      "package m\n\nimport \"fmt\"\n\nfunc F() { fmt.Printf(\"%d\\n\", \"text\") }\n",
		"m_test.go": "package m\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestA(t *testing.T) { os.Stdout.WriteString(\"said\\n\"); t.Error(\"wrong\") }\n",
	}
	return family("Compilers and builds", []*program{
		{name: "make -j: shell recipes", needs: []string{"make"}, argv: []string{"make", "-s", "-j8"}, clean: sortedLines,
			files: makefile(30, "echo N 0; echo N 1 >&2; echo N 2")},
		{name: "make -j: a recipe that fails", needs: []string{"make"}, argv: []string{"make", "-k", "-j1"}, exit: 2, steady: true,
			files: makefile(3, "echo N; exit 1")},
		{name: "make -j: node recipes among others", needs: []string{"make", "node"}, argv: []string{"make", "-s", "-j4"}, clean: sortedLines,
			files:   makefile(8, `if [ $$((N % 2)) = 0 ]; then node -e 'for (let i = 0; i < 100; i++) console.log("node N", i)'; else i=0; while [ $$i -lt 2000 ]; do echo "sh N $$i"; i=$$((i+1)); done; fi`),
			sockets: noDatagram, advice: takePipes},
		{name: "make -O -j", needs: []string{"make"}, argv: []string{"make", "-s", "-O", "-j4"}, clean: sortedLines,
			files: makefile(10, "echo N 0; echo N 1 >&2; echo N 2"),
			advice: "it compares standard output and standard error: if they are not the same file, it collects them separately, " +
				"and prints what a recipe wrote to one before what it wrote to the other. So leave -O out: iomux keeps lines whole; see output.md"},
		{name: "ninja", needs: []string{"ninja"}, argv: []string{"sh", "-c", "rm -f a b .ninja_log .ninja_deps; exec ninja -j1 -v"}, exit: 1,
			files: map[string]string{"build.ninja": "rule say\n  command = echo $out; echo e $out >&2; touch $out\nrule fail\n  command = echo bad; exit 3\nbuild a: say\nbuild b: say\nbuild c: fail a b\n"}},
		{name: "gcc: errors and warnings", needs: []string{"gcc"}, argv: []string{"gcc", "-Wall", "-c", "a.c"}, exit: 1, steady: true,
			files: map[string]string{"a.c": "int f(void) { int unused; return missing; }\nint g(void) { return \"text\"; }\n"}},
		{name: "go: vet of a mistake", needs: []string{"go"}, argv: []string{"go", "vet", "."}, exit: 1, files: goModule, setUp: goCache},
		{name: "go: test that fails", needs: []string{"go"}, argv: []string{"go", "test", "-count=1", "-vet=off", "."}, exit: 1, files: goModule, setUp: goCache, clean: withoutTimes},
		{name: "rustc: errors", needs: []string{"rustc"}, argv: []string{"rustc", "--crate-type=lib", "a.rs"}, exit: 1,
			files: map[string]string{"a.rs": "pub fn f() -> i32 { \"text\" }\n"}},
	})
}

// goCache looks that there is a build cache that may be written to.
func goCache(string) error {
	out, err := commandOutput("go", "env", "GOCACHE")
	if err != nil {
		return err
	}
	probe, err := os.CreateTemp(strings.TrimSpace(out), "iomux-")
	if err != nil {
		return fmt.Errorf("no build cache: %w", err)
	}
	probe.Close()
	return os.Remove(probe.Name())
}

func git() []*program {
	here := func(name string, exit int, args ...string) *program {
		return &program{name: "git: " + name, needs: []string{"git"}, setUp: repository, argv: append([]string{"git"}, args...), exit: exit, steady: true}
	}
	clone := here("clone with progress", 0, "sh", "-c", "rm -rf copy && git clone --progress --no-local repo copy")
	clone.argv, clone.clean, clone.steady = clone.argv[1:], withoutTransfer, false
	overSSH := here("clone over ssh", 0, "sh", "-c", "rm -rf copy && GIT_SSH_COMMAND='ssh -F ssh_config' git clone --progress here:$PWD/repo copy && git -C copy --no-pager log --oneline")
	overSSH.argv, overSSH.clean, overSSH.steady, overSSH.needs, overSSH.setUp = overSSH.argv[1:], withoutTransfer, false, []string{"git", "ssh"}, repositoryAndServer
	ssh := func(name string, exit int, script string) *program {
		return &program{name: "ssh: " + name, needs: []string{"ssh"}, setUp: server, argv: []string{"sh", "-c", script}, exit: exit}
	}
	background := ssh("in the background", 0, `ssh -n -F ssh_config here 'i=0; while [ $i -lt 2000 ]; do echo far $i; i=$((i+1)); done' & i=0; while [ $i -lt 20000 ]; do echo near $i; i=$((i+1)); done; wait`)
	background.clean = sortedLines
	return family("git and ssh", []*program{
		here("log of 500 commits", 0, "-C", "repo", "log"),
		here("status, then an error", 128, "-C", "repo", "show", "no-such-commit"),
		clone, overSSH,
		ssh("both streams, exit code", 3, `ssh -F ssh_config here 'i=0; while [ $i -lt 1000 ]; do echo $i; i=$((i+1)); done; echo end >&2; exit 3'`),
		background,
	})
}

func tools() []*program {
	large := func(dir string) error {
		return os.WriteFile(filepath.Join(dir, "large"), []byte(strings.Repeat("0123456789abcdef\xff\x00\n", 1<<19)), 0o644)
	}
	return family("Tools", []*program{
		{name: "cat: 10 MB", needs: []string{"cat"}, argv: []string{"cat", "large"}, setUp: large},
		{name: "head -c 32M /dev/zero", needs: []string{"head"}, argv: []string{"head", "-c", "32M", "/dev/zero"}},
		{name: "dd: blocks of 1 MiB", needs: []string{"dd"}, argv: []string{"dd", "if=/dev/zero", "bs=1M", "count=8"}, clean: withoutTimes,
			sockets: tooLong + " for an ordinary user", advice: takePipes},
		{name: "dd: one block of 8 MiB", needs: []string{"dd"}, argv: []string{"dd", "if=/dev/zero", "bs=8M", "count=1"}, clean: withoutTimes, sockets: tooLong, advice: takePipes},
		{name: "tar: archive on one stream, names on the other", needs: []string{"tar"}, argv: []string{"tar", "-cvf", "-", "large"}, setUp: large, refuses: noBinary},
		{name: "tee /dev/stderr", needs: []string{"tee"}, argv: []string{"sh", "-c", "tee /dev/stderr <large"}, setUp: large, sockets: noSuchFile, advice: takePipes},
		{name: "pv: data and progress", needs: []string{"pv"}, argv: []string{"pv", "-f", "-n", "large"}, setUp: large, clean: withoutProgress},
		{name: "curl: body and headers", needs: []string{"curl"}, argv: []string{"sh", "-c", `curl -sS -D /dev/fd/2 "file://$PWD/large" && curl "file://$PWD/missing"`}, exit: 37, setUp: large, clean: withoutTimes,
			sockets: noSuchFile, refuses: noBinary, advice: takePipes},
		{name: "curl: 10 MB with the progress meter", needs: []string{"curl"}, argv: []string{"sh", "-c", `curl "file://$PWD/large"`}, setUp: large, clean: dataOnly, refuses: noBinary},
		{name: "xargs -P4", needs: []string{"xargs", "seq"}, argv: []string{"sh", "-c", `seq 100 | xargs -P4 -n1 sh -c 'echo out $0; echo err $0 >&2'`}, clean: sortedLines},
		{name: "yes | head", needs: []string{"yes"}, argv: []string{"sh", "-c", "yes | head -n 100000"}},
		{name: "grep: lines and errors", needs: []string{"grep"}, argv: []string{"sh", "-c", "grep -c 012 large missing"}, setUp: large, exit: 2},
		{name: "find and ls: names and errors", needs: []string{"find"}, argv: []string{"sh", "-c", "find . missing | sort; ls missing ."}, setUp: large, exit: 2},
		{name: "openssl: 3 MB", needs: []string{"openssl"}, argv: []string{"openssl", "base64", "-in", "large"}, setUp: large},
		{name: "killed by a signal", argv: []string{"sh", "-c", "echo before; kill -9 $$"}, exit: -1, steady: true},
		{name: "a daemon stays behind", argv: []string{"sh", "-c", "(sleep 0.2; echo later; echo later >&2) & echo now"}},
	})
}

// family puts programs under a heading.
func family(name string, all []*program) []*program {
	for _, p := range all {
		p.family = name
	}
	return all
}
