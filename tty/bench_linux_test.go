//go:build amd64 || arm64

package tty_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux/tty"
)

// ways are how a command is started, to see what a terminal costs.
var ways = []struct {
	name  string
	start func(*exec.Cmd) error
}{{"pipe", (*exec.Cmd).Start}, {"terminal", tty.Terminal{}.Start}}

// runAs runs the command with a pipe as its output, and returns that.
func runAs(b *testing.B, start func(*exec.Cmd) error, cmd *exec.Cmd) string {
	b.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w
	err = start(cmd)
	w.Close()
	if err != nil {
		b.Skip(err)
	}
	text := string(must(io.ReadAll(r)))
	if err := cmd.Wait(); err != nil {
		b.Fatalf("%v: %s", err, text)
	}
	return text
}

// benchmarkWays runs the command in turn on a pipe and on a terminal, and reports
// the median of how long its start takes, and all of it, and how many times as long
// that is on a terminal.
func benchmarkWays(b *testing.B, command func() *exec.Cmd) {
	var started, ended [2][]time.Duration
	for b.Loop() {
		for i, way := range ways {
			begin := time.Now()
			start := func(cmd *exec.Cmd) error {
				err := way.start(cmd)
				started[i] = append(started[i], time.Since(begin))
				return err
			}
			runAs(b, start, command())
			ended[i] = append(ended[i], time.Since(begin))
		}
	}
	reportRatio(b, "start", median(started[0]), median(started[1]))
	reportRatio(b, "end", median(ended[0]), median(ended[1]))
}

// reportRatio reports nanoseconds of something on a pipe and on a terminal.
func reportRatio(b *testing.B, what string, pipe, terminal float64) {
	b.ReportMetric(pipe, "pipe-"+what+"-ns")
	b.ReportMetric(terminal, "terminal-"+what+"-ns")
	b.ReportMetric(terminal/pipe, "ratio-"+what)
	b.ReportMetric(0, "ns/op") // which would be the sum of both
}

func median[T time.Duration | float64](values []T) float64 {
	slices.Sort(values)
	return float64(values[len(values)/2])
}

// BenchmarkStart starts a command that does nothing, and waits for it.
func BenchmarkStart(b *testing.B) {
	benchmarkWays(b, func() *exec.Cmd { return exec.Command("true") })
}

// BenchmarkCall has commands make system calls: such that a terminal answers, and
// such that nobody asks about.
func BenchmarkCall(b *testing.B) {
	for _, call := range []string{"winsize", "fstat", "getppid", "read"} {
		b.Run(call, func(b *testing.B) {
			var times [2][]float64
			for b.Loop() {
				for i, way := range ways {
					text := runAs(b, way.start, child("ask", "time", call, "2000"))
					times[i] = append(times[i], must(strconv.ParseFloat(strings.TrimSpace(text), 64)))
				}
			}
			reportRatio(b, "call", median(times[0]), median(times[1]))
		})
	}
}

// timeCalls prints how many nanoseconds one of n calls takes: the median of those
// of ten at a time.
func timeCalls(name string, n int) int {
	var st unix.Stat_t
	zero := must(os.Open("/dev/zero"))
	fd := int(zero.Fd())
	var buf [1]byte
	calls := map[string]func(){
		"winsize": func() { unix.IoctlGetWinsize(1, unix.TIOCGWINSZ) },
		"fstat":   func() { unix.Fstat(1, &st) },
		"getppid": func() { unix.Getppid() },
		"read":    func() { unix.Read(fd, buf[:]) },
	}
	call := calls[name]
	const batch = 10
	times := make([]time.Duration, n/batch+1)
	for i := range times {
		start := time.Now()
		for range batch {
			call()
		}
		times[i] = time.Since(start)
	}
	fmt.Println(median(times) / batch)
	return 0
}

// BenchmarkMake compiles 24 small C files, two at a time.
func BenchmarkMake(b *testing.B) {
	for _, name := range []string{"make", "gcc"} {
		if _, err := exec.LookPath(name); err != nil {
			b.Skip(err)
		}
	}
	dir := b.TempDir()
	names := make([]string, 24)
	for i := range names {
		names[i] = fmt.Sprintf("f%d.o", i)
		source := fmt.Sprintf("#include <stdio.h>\nvoid f%d(void) { puts(\"\"); }\n", i)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%d.c", i)), []byte(source), 0o666); err != nil {
			b.Fatal(err)
		}
	}
	makefile := "all: " + strings.Join(names, " ") + "\n"
	if err := os.WriteFile(filepath.Join(dir, "Makefile"), []byte(makefile), 0o666); err != nil {
		b.Fatal(err)
	}
	benchmarkWays(b, func() *exec.Cmd { return exec.Command("make", "-B", "-j2", "-C", dir) })
}

// BenchmarkGoBuild compiles and links a small program anew.
func BenchmarkGoBuild(b *testing.B) {
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nvar x string\n\nfunc main() { println(x) }\n"), 0o666); err != nil {
		b.Fatal(err)
	}
	n := 0
	benchmarkWays(b, func() *exec.Cmd {
		n++
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "out"), fmt.Sprintf("-ldflags=-X=main.x=%d", n), "main.go")
		cmd.Dir = dir
		return cmd
	})
}
