// Command compare runs iomux, and the programs that solve a part of the same
// problem, on the same jobs, and prints a table of what came out. Tools that are
// not installed are left out. Debian has them in devscripts, moreutils, expect,
// parallel, bsdutils and coreutils.
//
//	go run ./internal/compare               # print the table
//	go run ./internal/compare -write docs   # and replace the one in docs/compared.md
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

func main() {
	dir := flag.String("write", "", "directory of compared.md, whose table is replaced")
	runs := flag.Int("runs", 20, "how often to look at the order")
	only := flag.String("only", "", "only the tools whose name matches this regular expression")
	pipes := flag.String("two-pipes", "", "run this script with two pipes and a goroutine for each (for itself)")
	flag.Parse()
	err := error(nil)
	if *pipes != "" {
		err = twoPipes(*pipes)
	} else {
		err = compare(*dir, *only, *runs)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func compare(dir, only string, runs int) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	iomux := filepath.Join(scratch, "iomux")
	build := exec.Command("go", "build", "-o", iomux, "github.com/seed-5082a588/iomux/cmd/iomux")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the command: %w", err)
	}
	var text bytes.Buffer
	tools := slices.DeleteFunc(installed(iomux), func(t tool) bool { return !wanted.MatchString(t.name) })
	table(io.MultiWriter(os.Stdout, &text), tools, trial{dir: scratch, runs: runs})
	if dir == "" {
		return nil
	}
	return replaceTable(filepath.Join(dir, "compared.md"), text.Bytes())
}

// A tool is a way to run a shell script and to get its output.
type tool struct {
	name  string
	argv  func(script string) []string
	quiet bool // prints nothing unless the script fails
}

func shell(args ...string) func(string) []string {
	return func(script string) []string { return append(args[:len(args):len(args)], "sh", "-c", script) }
}

// onePipe is what the rates and starts of the others are compared with.
var onePipe = tool{name: "one pipe (2>&1)", argv: func(s string) []string { return []string{"sh", "-c", "exec 2>&1\n" + s} }}

// installed returns the tools that this machine has.
func installed(iomux string) (tools []tool) {
	for _, t := range []tool{
		{name: "iomux", argv: shell(iomux)},
		{name: "iomux -socket", argv: shell(iomux, "-socket")},
		{name: "iomux -tty", argv: shell(iomux, "-tty")},
		{name: "iomux -annotate", argv: shell(iomux, "-annotate")},
		{name: "iomux -quiet", argv: shell(iomux, "-quiet"), quiet: true},
		{name: "two pipes (os/exec)", argv: func(s string) []string { return []string{os.Args[0], "-two-pipes", s} }},
		onePipe,
		{name: "annotate-output", argv: shell("annotate-output")},
		{name: "chronic", argv: shell("chronic"), quiet: true},
		{name: "unbuffer", argv: shell("unbuffer")},
		{name: "script", argv: func(s string) []string { return []string{"script", "-qec", s, "/dev/null"} }},
		{name: "stdbuf -oL", argv: shell("stdbuf", "-oL")},
		{name: "parallel --line-buffer", argv: func(s string) []string {
			return []string{"parallel", "--will-cite", "--line-buffer", "sh -c {}", ":::", s}
		}},
	} {
		if _, err := exec.LookPath(t.argv("")[0]); err == nil {
			tools = append(tools, t)
		}
	}
	return tools
}

// twoPipes runs script as os/exec does it for any two writers.
func twoPipes(script string) error {
	var mu sync.Mutex
	cmd := exec.Command("sh", "-c", script)
	cmd.Stdout, cmd.Stderr = locked{os.Stdout, &mu}, locked{os.Stderr, &mu}
	err := cmd.Run()
	if exit, ok := err.(*exec.ExitError); ok {
		os.Exit(codeOf(exit.ProcessState))
	}
	return err
}

// A locked writer is no *os.File, so os/exec makes a pipe for it.
type locked struct {
	file *os.File
	mu   *sync.Mutex
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Write(p)
}

// A property is a column of the table: a question, and what one tool answers.
type property struct {
	title string
	ask   func(trial, tool) string
}

var properties = []property{
	{"lines out of place", trial.order},
	{"streams told apart", trial.apart},
	{"the program sees a terminal", trial.terminal},
	{"bytes as written", trial.bytes},
	{"exit code of a killed program", trial.killed},
	{"SIGTERM ends the program", trial.terminated},
	{"files left after SIGKILL", trial.left},
	{"rate, of that of one pipe", trial.rate},
	{"start, ms more than without", trial.start},
}

// table asks every tool everything, and prints the answers as they come.
func table(w io.Writer, tools []tool, t trial) {
	fmt.Fprint(w, "| |")
	for _, p := range properties {
		fmt.Fprintf(w, " %s |", p.title)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---|", len(properties)))
	for _, tool := range tools {
		fmt.Fprintf(w, "| %s |", tool.name)
		for _, p := range properties {
			fmt.Fprintf(w, " %s |", p.ask(t, tool))
		}
		fmt.Fprintln(w)
	}
}

// The table stands between these two lines of the document.
var tableBegin, tableEnd = []byte("<!-- measured: begin -->\n"), []byte("<!-- measured: end -->")

func replaceTable(name string, table []byte) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	head, rest, began := bytes.Cut(text, tableBegin)
	_, tail, ended := bytes.Cut(rest, tableEnd)
	if !began || !ended {
		return fmt.Errorf("%s has no place for the table", name)
	}
	return os.WriteFile(name, bytes.Join([][]byte{head, tableBegin, table, tableEnd, tail}, nil), 0o666)
}
