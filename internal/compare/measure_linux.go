package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience is how long any tool may take for one job.
const patience = time.Minute

// A trial is how the tools are tried.
type trial struct {
	dir  string // for what they leave
	runs int
}

// An outcome is what came out of a tool.
type outcome struct {
	stdout, stderr []byte
	code           int
	took           time.Duration
}

// run runs a script through a tool, with a pipe for each stream or one for both.
func (t trial) run(tool tool, script string, merged bool) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	argv := tool.argv(script)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if merged {
		cmd.Stderr = &stdout
	}
	cmd.WaitDelay = time.Second
	began := time.Now()
	cmd.Run() // its exit code is part of the outcome
	return outcome{stdout.Bytes(), stderr.Bytes(), codeOf(cmd.ProcessState), time.Since(began)}
}

// codeOf is the exit code as a shell shows it.
func codeOf(s *os.ProcessState) int {
	if s == nil {
		return -1
	}
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return s.ExitCode()
}

// failing makes a quiet tool show what the script prints.
func failing(tool tool, script string) string {
	if tool.quiet {
		return script + "\nexit 3"
	}
	return script
}

// alternating is a script that writes so many pairs of lines.
func alternating(pairs int) string {
	return fmt.Sprintf("i=0; while [ $i -lt %d ]; do echo out $i; echo err $i >&2; i=$((i+1)); done", pairs)
}

// order counts the lines that are not in their place.
func (t trial) order(tool tool) string {
	const pairs = 100
	var wrong []int
	for range t.runs {
		wrong = append(wrong, misplaced(t.run(tool, failing(tool, alternating(pairs)), true).stdout, pairs))
	}
	slices.Sort(wrong)
	if wrong[0] == wrong[len(wrong)-1] {
		return fmt.Sprintf("%d of %d", wrong[0], 2*pairs)
	}
	return fmt.Sprintf("%d to %d of %d", wrong[0], wrong[len(wrong)-1], 2*pairs)
}

func misplaced(text []byte, pairs int) (wrong int) {
	seen := make([]string, 0, 2*pairs)
	for _, m := range regexp.MustCompile(`(?m)(out|err) \d+\r?$`).FindAllString(string(text), -1) {
		seen = append(seen, strings.TrimSuffix(m, "\r"))
	}
	for i := range 2 * pairs {
		want := [2]string{"out ", "err "}[i%2] + strconv.Itoa(i/2)
		if i >= len(seen) || seen[i] != want {
			wrong++
		}
	}
	return wrong
}

// apart looks how one can tell the two streams.
func (t trial) apart(tool tool) string {
	o := t.run(tool, failing(tool, "echo out; echo err >&2"), false)
	switch {
	case has(o.stdout, "out") && has(o.stderr, "err") && !has(o.stdout, "err"):
		return "yes"
	case has(o.stdout, "O: out") && has(o.stdout, "E: err"):
		return "in the text"
	}
	return "no"
}

func has(text []byte, s string) bool { return bytes.Contains(text, []byte(s)) }

// terminal asks the program whether it believes to be on one.
func (t trial) terminal(tool tool) string {
	o := t.run(tool, failing(tool, "test -t 1 && printf 'y'es"), true)
	if has(o.stdout, "yes") {
		return "yes"
	}
	return "no"
}

// bytes looks whether what is no text comes through as it is.
func (t trial) bytes(tool tool) string {
	var bad []string
	for _, c := range []struct{ name, printf, want string }{
		{"NUL", `a\0b\n`, "a\x00b\n"},
		{"a line without newline", "last", "last"},
		{"0xff", `\377\n`, "\xff\n"},
		{"newlines", `x\ny\n`, "x\ny\n"},
	} {
		o := t.run(tool, failing(tool, "printf '"+c.printf+"'"), false)
		if !intact(o.stdout, c.want) {
			bad = append(bad, c.name)
		}
	}
	if bad == nil {
		return "yes"
	}
	return "not " + strings.Join(bad, ", ")
}

// intact reports whether text is want, or lines of annotations with want in them,
// each on a line of its own.
func intact(text []byte, want string) bool {
	if string(text) == want {
		return true
	}
	for part := range strings.Lines(want) {
		part = strings.TrimSuffix(part, "\n")
		if !has(text, "O: "+part+"\n") {
			return false
		}
	}
	return true
}

// killed looks at the exit code for a program that SIGKILL ended.
func (t trial) killed(tool tool) string {
	return strconv.Itoa(t.run(tool, "kill -9 $$", false).code)
}

// terminated asks the tool to end, and looks whether the program does.
func (t trial) terminated(tool tool) string {
	cmd, pid := t.sleeper(tool, nil)
	if cmd == nil {
		return "not started"
	}
	defer cmd.Wait()
	cmd.Process.Signal(syscall.SIGTERM)
	if gone(pid) {
		return "yes"
	}
	syscall.Kill(pid, syscall.SIGKILL)
	cmd.Process.Kill()
	return "no"
}

// left counts the files that stay in the temporary directory.
func (t trial) left(tool tool) string {
	dir, err := os.MkdirTemp(t.dir, "left-")
	if err != nil {
		return err.Error()
	}
	cmd, pid := t.sleeper(tool, append(os.Environ(), "TMPDIR="+dir))
	if cmd == nil {
		return "not started"
	}
	cmd.Process.Kill()
	cmd.Wait()
	files, err := os.ReadDir(dir)
	syscall.Kill(pid, syscall.SIGKILL)
	if err != nil {
		return err.Error()
	}
	return strconv.Itoa(len(files))
}

// sleeper starts a program that does nothing, and returns once it runs, with its
// process ID.
func (t trial) sleeper(tool tool, env []string) (*exec.Cmd, int) {
	name := filepath.Join(t.dir, "pid")
	os.Remove(name)
	argv := tool.argv(fmt.Sprintf("echo $$ >%s.new; mv %[1]s.new %[1]s; exec sleep 60", name))
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = env
	if cmd.Start() != nil {
		return nil, 0
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(name)
		if pid, err2 := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && err2 == nil {
			return cmd, pid
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	return nil, 0
}

// gone waits a little for the end of a process.
func gone(pid int) bool {
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || has(status, ") Z ") {
			return true
		}
	}
	return false
}

// rate compares how much comes through in a second with one pipe: each runs after the
// other, a few times unless that takes long, so that other work on the machine slows
// down both. The median of the ratios.
func (t trial) rate(tool tool) string {
	const (
		most  = 256 << 20
		piped = 16 << 20
	)
	n := 4 << 10
	took := t.through(tool, n)
	for took < time.Second/4 && n < most {
		n *= 4
		took = t.through(tool, n)
	}
	ratio := func() float64 {
		return float64(n) / took.Seconds() / (piped / t.through(onePipe, piped).Seconds())
	}
	all := []float64{ratio()}
	for len(all) < 9 && took < 2*time.Second {
		took = t.through(tool, n)
		all = append(all, ratio())
	}
	slices.Sort(all)
	return fmt.Sprintf("%.2g", all[len(all)/2])
}

// through returns how long n bytes take to come through, less the start.
func (t trial) through(tool tool, n int) time.Duration {
	empty := t.run(tool, failing(tool, ":"), false).took
	full := t.run(tool, failing(tool, fmt.Sprintf("yes 0123456789012345678901234567890 | head -c %d", n)), false).took
	return max(full-empty, time.Millisecond)
}

// start is what a program that does nothing takes longer than without the tool. Both
// run in turn.
func (t trial) start(tool tool) string {
	var more []time.Duration
	for range 11 {
		more = append(more, t.run(tool, ":", false).took-t.run(onePipe, ":", false).took)
	}
	slices.Sort(more)
	return fmt.Sprintf("%.1f", more[len(more)/2].Seconds()*1000)
}
