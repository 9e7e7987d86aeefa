//go:build linux || (unix && experimental_unix)

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkAgainstCat compares the command, on its way to a pipe, with "cat |
// cat" for 256 MB of lines, in turns.
func BenchmarkAgainstCat(b *testing.B) {
	text := filepath.Join(b.TempDir(), "text")
	if err := os.WriteFile(text, bytes.Repeat([]byte("the quick brown fox jumps over the lazy dog, and the dog is \"quick\" as well, it is said, 0123456789\n"), 256<<20/100), 0o666); err != nil {
		b.Fatal(err)
	}
	race(b, 256, []rival{
		{"cat", "cat text | cat >/dev/null"},
		{"plain", "iomux cat text | cat >/dev/null"},
		{"annotate", "iomux -annotate cat text | cat >/dev/null"},
		{"json", "iomux -json cat text | cat >/dev/null"},
		{"quiet", "iomux -quiet cat text | cat >/dev/null"},
		{"quiet-fails", "iomux -quiet sh -c 'cat text; exit 1' 2>/dev/null | cat >/dev/null"},
		{"socket-plain", "iomux -socket cat text | cat >/dev/null"},
		{"socket-annotate", "iomux -socket -annotate cat text | cat >/dev/null"},
		{"socket-json", "iomux -socket -json cat text | cat >/dev/null"},
		{"socket-quiet", "iomux -socket -quiet cat text | cat >/dev/null"},
	}, filepath.Dir(text))
}

// BenchmarkStart compares the start of a command with that by a Go program which
// does nothing else, in turns.
func BenchmarkStart(b *testing.B) {
	const bare = `package main

import (
	"os"
	"os/exec"
)

func main() {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if cmd.Run() != nil {
		os.Exit(1)
	}
}
`
	dir := b.TempDir()
	source := filepath.Join(dir, "bare.go")
	if err := os.WriteFile(source, []byte(bare), 0o666); err != nil {
		b.Fatal(err)
	}
	for name, from := range map[string]string{"bare": source, "iomux": "."} {
		if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, name), from).CombinedOutput(); err != nil {
			b.Skipf("go build: %v\n%s", err, out)
		}
	}
	race(b, 0, []rival{
		{"bare", "./bare true"},
		{"env", "env true"},
		{"iomux", "./iomux true"},
		{"unguarded", "./iomux -blocking=never true"},
		{"socket", "./iomux -socket true"},
	}, dir)
}

// A rival is a command line of the shell that is compared with the first.
type rival struct{ name, line string }

// race runs the rivals in turns and reports the median of their times, as a rate
// where it is told how many megabytes they handle, and that of the ratios to the first
// in the same turn: what else the machine does slows both of them down.
func race(b *testing.B, megabytes int, rivals []rival, dir string) {
	took := make([][]time.Duration, len(rivals))
	for b.Loop() {
		for i, r := range rivals {
			cmd := exec.Command("sh", "-c", r.line)
			cmd.Dir = dir
			begin := time.Now()
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("%s: %v\n%s", r.line, err, out)
			}
			took[i] = append(took[i], time.Since(begin))
		}
	}
	median := func(of []float64) float64 {
		slices.Sort(of)
		return of[len(of)/2]
	}
	for i, r := range rivals {
		var seconds, ratios []float64
		for turn, d := range took[i] {
			seconds = append(seconds, d.Seconds())
			ratios = append(ratios, d.Seconds()/took[0][turn].Seconds())
		}
		if megabytes > 0 {
			b.ReportMetric(float64(megabytes)/median(seconds), r.name+"-MB/s")
		} else {
			b.ReportMetric(median(seconds)*1e3, r.name+"-ms")
		}
		b.ReportMetric(median(ratios), r.name+"-times")
	}
}
