//go:build linux || (unix && experimental_unix)

package main

import (
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux"
)

func init() { programs["writer"] = writer }

// writer writes so many lines of 64 bytes, each with a system call.
func writer(args []string) int {
	n := must(strconv.Atoi(args[0]))
	line := []byte(strings.Repeat("x", 63) + "\n")
	for range n {
		if _, err := os.Stdout.Write(line); err != nil {
			return 1
		}
	}
	return 0
}

// BenchmarkCommand compares the command with the library's own reading loop, in
// turns: their times are noisy, the ratio of the medians less so.
func BenchmarkCommand(b *testing.B) {
	const lines = 200_000
	for _, mode := range []struct {
		name string
		make func() (*iomux.Mux, error)
		args []string
	}{
		{"pipe", newPipe, nil},
		{"socket", iomux.New, []string{"-socket"}},
	} {
		b.Run(mode.name, func(b *testing.B) {
			var loop, cmd []time.Duration
			for b.Loop() {
				loop = append(loop, timeLoop(b, mode.make, lines))
				cmd = append(cmd, timeCommand(b, mode.args, lines))
			}
			slices.Sort(loop)
			slices.Sort(cmd)
			l, c := loop[len(loop)/2], cmd[len(cmd)/2]
			b.ReportMetric(lines/l.Seconds(), "loop-lines/s")
			b.ReportMetric(lines/c.Seconds(), "command-lines/s")
			b.ReportMetric(l.Seconds()/c.Seconds(), "ratio")
		})
	}
}

func timeLoop(b *testing.B, make func() (*iomux.Mux, error), lines int) time.Duration {
	m, err := make()
	if err != nil {
		b.Skip(err)
	}
	defer m.Close()
	cmd := command("writer", strconv.Itoa(lines))
	out := must(m.MakeTaggedSender(iomux.Stdout))
	defer out.Close()
	cmd.Stdout = out
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	out.Close()
	n := 0
	for {
		d, err := m.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		n += len(d.Data)
	}
	if err := cmd.Wait(); err != nil || n != 64*lines {
		b.Fatal(n, err)
	}
	return time.Since(begin)
}

func timeCommand(b *testing.B, args []string, lines int) time.Duration {
	cmd := command("iomux", append(args, "--", "writer", strconv.Itoa(lines))...)
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	return time.Since(begin)
}
