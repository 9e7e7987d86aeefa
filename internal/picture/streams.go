package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"sync"
)

// runs is how often: the order need not be lost every time.
const runs = 100

// A line is one that was seen.
type line struct {
	text string
	err  bool // known to be of standard error
}

// A way runs a command and returns the lines that it has seen.
type way func(*exec.Cmd) ([]line, error)

// A trial is many runs: how many lost the order, how many a stream, and what was
// seen in one, that lost the order if any did.
type trial struct {
	lost, streamLost int
	seen             []line
}

// try runs what command returns many times, which writes the lines in written.
func try(command func() *exec.Cmd, written []line, run way) (t trial, err error) {
	for range runs {
		seen, err := run(command())
		if err != nil {
			return t, err
		}
		lost := !slices.EqualFunc(seen, written, func(a, b line) bool { return a.text == b.text })
		if t.seen == nil || lost && t.lost == 0 {
			t.seen = seen
		}
		if lost {
			t.lost++
		}
		if slices.ContainsFunc(written, func(l line) bool { return !slices.Contains(seen, l) }) {
			t.streamLost++
		}
	}
	return t, nil
}

// program writes to both streams in turns.
const program = `for f in main.c list.c tree.c; do
  echo "cc $f"
  echo "$f:7: warning: unused variable" >&2
  echo "$f: done"
done`

// drawStreams draws what the program wrote, as it is seen through two pipes,
// through one, and through iomux.
func drawStreams(s studio) ([]byte, error) {
	var written []line
	for _, f := range []string{"main.c", "list.c", "tree.c"} {
		written = append(written, line{"cc " + f, false}, line{f + ":7: warning: unused variable", true}, line{f + ": done", false})
	}
	return drawWays("the program (standard error is red below)", strings.Split(program, "\n"),
		func() *exec.Cmd { return exec.Command("sh", "-c", program) }, written,
		panel{"two pipes, a reader for each", twoPipes},
		panel{"one pipe (2>&1)", onePipe},
		panel{"iomux", s.throughIomux()})
}

// twoPipes runs the command as os/exec does it for any two writers: a pipe and
// a goroutine for each.
func twoPipes(cmd *exec.Cmd) ([]line, error) {
	var log log
	cmd.Stdout = stream{&log, false}
	cmd.Stderr = stream{&log, true}
	err := ignoreExit(cmd.Run())
	return log.lines, err
}

// ignoreExit drops the error of a command that failed by itself: what it wrote
// is to be seen all the same.
func ignoreExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
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

// onePipe runs the command with both streams on one pipe, as 2>&1 does.
func onePipe(cmd *exec.Cmd) (lines []line, err error) {
	text, err := cmd.CombinedOutput()
	for l := range strings.Lines(string(text)) {
		lines = append(lines, line{strings.TrimSuffix(l, "\n"), false})
	}
	return lines, ignoreExit(err)
}

// throughIomux runs commands under iomux, with flags.
func (s studio) throughIomux(flags ...string) way {
	return func(cmd *exec.Cmd) ([]line, error) {
		own := exec.Command(s.iomux, slices.Concat(flags, []string{"-json"}, cmd.Args)...)
		own.Dir, own.Env = cmd.Dir, cmd.Env
		text, err := own.Output()
		if err := ignoreExit(err); err != nil {
			return nil, err
		}
		return jsonLines(text)
	}
}

func jsonLines(text []byte) (lines []line, err error) {
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
