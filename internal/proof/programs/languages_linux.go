package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/tty"
)

// A language is asked for its natural order: it prints a line, then an error, then
// a line, and flushes nothing. On a terminal they appear in this order; elsewhere
// many languages keep lines for later, and errors overtake them.
type language struct {
	name  string
	needs []string
	files map[string]string
	build []string // compiles it
	argv  []string
	way   string // how to have the order without a terminal
}

var languages = []language{
	{name: "awk (mawk)", needs: []string{"mawk"}, argv: []string{"mawk", `BEGIN { print "out1"; print "err1" > "/dev/stderr"; print "out2" }`}, way: "fflush(), or -W interactive"},
	{name: "awk (gawk)", needs: []string{"gawk"}, argv: []string{"gawk", `BEGIN { print "out1"; print "err1" > "/dev/stderr"; print "out2" }`}, way: "fflush()"},
	{name: "bash", needs: []string{"bash"}, argv: []string{"bash", "-c", shellLines}},
	{name: "bun", needs: []string{"bun"}, argv: []string{"bun", "-e", jsLines}},
	{name: "busybox sh", needs: []string{"busybox"}, argv: []string{"busybox", "sh", "-c", shellLines}},
	{name: "C", needs: []string{"gcc"}, files: map[string]string{"a.c": "#include <stdio.h>\nint main(void) { printf(\"out1\\n\"); fprintf(stderr, \"err1\\n\"); printf(\"out2\\n\"); }\n"},
		build: []string{"gcc", "-o", "a", "a.c"}, argv: []string{"./a"}, way: "`stdbuf -oL`, or setvbuf(stdout, NULL, _IOLBF, 0)"},
	{name: "C++", needs: []string{"g++"}, files: map[string]string{"a.cc": "#include <iostream>\nint main() { std::cout << \"out1\\n\"; std::cerr << \"err1\\n\"; std::cout << \"out2\\n\"; }\n"},
		build: []string{"g++", "-o", "a", "a.cc"}, argv: []string{"./a"}},
	{name: "dash", needs: []string{"dash"}, argv: []string{"dash", "-c", shellLines}},
	{name: "deno", needs: []string{"deno"}, argv: []string{"deno", "eval", jsLines}},
	{name: "Go", needs: []string{"go"}, files: map[string]string{"a.go": "package main\n\nimport \"os\"\n\nfunc main() { os.Stdout.WriteString(\"out1\\n\"); println(\"err1\"); os.Stdout.WriteString(\"out2\\n\") }\n"},
		build: []string{"go", "build", "-o", "a", "a.go"}, argv: []string{"./a"}},
	{name: "Java", needs: []string{"java"}, files: map[string]string{"T.java": "class T { public static void main(String[] a) { System.out.println(\"out1\"); System.err.println(\"err1\"); System.out.println(\"out2\"); } }\n"},
		argv: []string{"java", "T.java"}},
	{name: "Lua", needs: []string{"lua5.4"}, argv: []string{"lua5.4", "-e", `print("out1") io.stderr:write("err1\n") print("out2")`}, way: `io.stdout:setvbuf("line")`},
	{name: "mksh", needs: []string{"mksh"}, argv: []string{"mksh", "-c", shellLines}},
	{name: "Node.js", needs: []string{"node"}, argv: []string{"node", "-e", jsLines}},
	{name: "Perl", needs: []string{"perl"}, argv: []string{"perl", "-e", `print "out1\n"; print STDERR "err1\n"; print "out2\n"`}, way: "`$| = 1`"},
	{name: "PHP", needs: []string{"php"}, argv: []string{"php", "-n", "-r", `echo "out1\n"; fwrite(STDERR, "err1\n"); echo "out2\n";`}},
	{name: "Python", needs: []string{"python3"}, argv: []string{"python3", "-c", "import sys\nprint('out1')\nprint('err1', file=sys.stderr)\nprint('out2')"},
		way: "`python3 -u`, PYTHONUNBUFFERED=1, or flush=True"},
	{name: "Ruby", needs: []string{"ruby"}, argv: []string{"ruby", "-e", `puts "out1"; $stderr.puts "err1"; puts "out2"`}, way: "`$stdout.sync = true`"},
	{name: "Rust", needs: []string{"rustc"}, files: map[string]string{"a.rs": "fn main() { println!(\"out1\"); eprintln!(\"err1\"); println!(\"out2\"); }\n"},
		build: []string{"rustc", "-o", "a", "a.rs"}, argv: []string{"./a"}},
	{name: "sed", needs: []string{"sed"}, files: map[string]string{"in": "out1\nout2\n"}, argv: []string{"sed", "-n", "1{p;s/.*/err1/;w /dev/stderr\n};2p", "in"}, way: "`sed -u`"},
	{name: "Tcl", needs: []string{"tclsh"}, files: map[string]string{"t.tcl": "puts out1\nputs stderr err1\nputs out2\n"}, argv: []string{"tclsh", "t.tcl"}, way: "fconfigure stdout -buffering line"},
	{name: "zsh", needs: []string{"zsh"}, argv: []string{"zsh", "-f", "-c", shellLines}},
}

const (
	shellLines = `echo out1; echo err1 >&2; echo out2`
	jsLines    = `console.log("out1"); console.error("err1"); console.log("out2")`
)

// An answer is the order in which the lines of a language came.
type answer struct {
	language
	skipped        string
	pipe, terminal string // "yes", or the order
}

// ask runs the program on pipes, and where it believes that they are a terminal.
func (l language) ask() (a answer) {
	a.language = l
	p := &program{name: l.name, needs: l.needs, files: l.files, argv: l.argv, setUp: l.compile}
	dir, err := p.prepare()
	defer os.RemoveAll(dir)
	if err != nil {
		a.skipped = err.Error()
		return a
	}
	if !filepath.IsLocal(p.argv[0]) || strings.HasPrefix(p.argv[0], "./") {
		p.argv = append([]string{filepath.Join(dir, p.argv[0])}, p.argv[1:]...)
	}
	a.pipe = ordered(p.once(dir, onMux(iomux.NewPipe, nil)))
	a.terminal = ordered(p.once(dir, onMux(iomux.NewPipe, tty.Terminal{}.Start)))
	return a
}

// compile makes the program.
func (l language) compile(dir string) error {
	if l.build == nil {
		return nil
	}
	cmd := exec.Command(l.build[0], l.build[1:]...)
	cmd.Dir, cmd.Env = dir, environment(dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", l.build[0], err, out)
	}
	return nil
}

// ordered says whether the three lines came in the order of a terminal.
func ordered(o outcome) string {
	switch words := strings.Join(strings.Fields(string(colors.ReplaceAll(o.both, nil))), " "); {
	case o.err != nil:
		return o.err.Error()
	case words == "out1 err1 out2":
		return "yes"
	default:
		return words
	}
}

func (a answer) String() string {
	if a.skipped != "" {
		return fmt.Sprintf("%-12s skipped: %s", a.name, a.skipped)
	}
	return fmt.Sprintf("%-12s order of a terminal on pipes: %s; with tty: %s", a.name, a.pipe, a.terminal)
}
