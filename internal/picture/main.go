// Command picture draws docs/two-pipes.svg: what a program wrote, as it is seen
// through two pipes, through one, and through iomux. It runs the program to see.
//
//	go generate ./internal/picture
package main

//go:generate go run . ../../docs/two-pipes.svg

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// program is what is run. It writes to both streams in turns.
const program = `for f in main.c list.c tree.c; do
  echo "cc $f"
  echo "$f:7: warning: unused variable" >&2
  echo "$f: done"
done`

// runs is how often: the order need not be lost every time.
const runs = 100

// A line is one that was seen.
type line struct {
	text string
	err  bool // known to be of standard error
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: picture FILE")
		os.Exit(2)
	}
	if err := draw(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

func draw(name string) error {
	dir, err := os.MkdirTemp("", "picture-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	iomux := filepath.Join(dir, "iomux")
	build := exec.Command("go", "build", "-o", iomux, "github.com/seed-5082a588/iomux/cmd/iomux")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the command: %w", err)
	}
	two, err := try(twoPipes)
	if err != nil {
		return err
	}
	one, err := try(onePipe)
	if err != nil {
		return err
	}
	muxed, err := try(func() ([]line, error) { return throughIomux(iomux) })
	if err != nil {
		return err
	}
	return os.WriteFile(name, picture(two, one, muxed), 0o666)
}

// A trial is many runs: how many lost the order, how many a stream, and what was
// seen in one, that lost the order if any did.
type trial struct {
	lost, streamLost int
	seen             []line
}

func try(run func() ([]line, error)) (t trial, err error) {
	for range runs {
		seen, err := run()
		if err != nil {
			return t, err
		}
		lost := !slices.EqualFunc(seen, written(), func(a, b line) bool { return a.text == b.text })
		if t.seen == nil || lost && t.lost == 0 {
			t.seen = seen
		}
		if lost {
			t.lost++
		}
		if slices.ContainsFunc(written(), func(l line) bool { return !slices.Contains(seen, l) }) {
			t.streamLost++
		}
	}
	return t, nil
}

// written is what the program writes, in order.
func written() (lines []line) {
	for _, f := range []string{"main.c", "list.c", "tree.c"} {
		lines = append(lines, line{"cc " + f, false}, line{f + ":7: warning: unused variable", true}, line{f + ": done", false})
	}
	return lines
}

// twoPipes runs the program as os/exec does it for any two writers: a pipe and
// a goroutine for each.
func twoPipes() ([]line, error) {
	var log log
	cmd := exec.Command("sh", "-c", program)
	cmd.Stdout = stream{&log, false}
	cmd.Stderr = stream{&log, true}
	err := cmd.Run()
	return log.lines, err
}

type log struct {
	sync.Mutex
	lines []line
}

type stream struct {
	*log
	err bool
}

func (s stream) Write(p []byte) (int, error) {
	s.Lock()
	defer s.Unlock()
	for text := range strings.Lines(string(p)) {
		s.lines = append(s.lines, line{strings.TrimSuffix(text, "\n"), s.err})
	}
	return len(p), nil
}

// onePipe runs the program with both streams on one pipe, as 2>&1 does.
func onePipe() (lines []line, err error) {
	text, err := exec.Command("sh", "-c", program).CombinedOutput()
	for l := range strings.Lines(string(text)) {
		lines = append(lines, line{strings.TrimSuffix(l, "\n"), false})
	}
	return lines, err
}

func throughIomux(iomux string) ([]line, error) {
	text, err := exec.Command(iomux, "-json", "sh", "-c", program).Output()
	if err != nil {
		return nil, err
	}
	var lines []line
	for dec := json.NewDecoder(bytes.NewReader(text)); dec.More(); {
		var l struct{ Stream, Text, Event string }
		if err := dec.Decode(&l); err != nil {
			return nil, err
		}
		if l.Event == "" {
			lines = append(lines, line{l.Text, l.Stream == "stderr"})
		}
	}
	return lines, nil
}
