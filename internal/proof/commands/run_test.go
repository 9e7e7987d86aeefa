//go:build linux || (unix && experimental_unix)

package commands_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux"
)

var errWriter = errors.New("the writer is broken")

// A brokenWriter takes so many bytes. (It does not embed the Buffer, whose ReadFrom
// os/exec would call.)
type brokenWriter struct {
	taken bytes.Buffer
	room  int
}

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.taken.Len()+len(p) > w.room {
		return 0, errWriter
	}
	return w.taken.Write(p)
}

// A shortWriter takes less than it is given, and says nothing.
type shortWriter struct{ taken bytes.Buffer }

func (w *shortWriter) Write(p []byte) (int, error) { return w.taken.Write(p[:len(p)-1]) }

// An uncomparableWriter cannot be compared with ==.
type uncomparableWriter struct {
	*bytes.Buffer
	_ []int
}

// A runCase is a command for Run and for os/exec, which must end alike.
type runCase struct {
	name string
	// set sets up cmd, and returns what was written in the end.
	set func(t *testing.T, cmd *exec.Cmd) (written func() string)
	// script is what cmd runs.
	script string
	// pipesOnly says that a socket cannot do it: cmd is to get SIGPIPE.
	pipesOnly bool
}

func twoBuffers(t *testing.T, cmd *exec.Cmd) func() string {
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	return func() string { return fmt.Sprintf("%q %q", out.String(), err.String()) }
}

var runCases = []runCase{
	{name: "two writers", script: "echo out; echo err >&2; echo out", set: twoBuffers},
	{name: "exit code", script: "echo out; exit 3", set: twoBuffers},
	{name: "killed", script: "echo out; kill -9 $$", set: twoBuffers},
	{name: "no output", script: ":", set: twoBuffers},
	{name: "large", script: "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2", set: twoBuffers},
	{name: "both nil", script: "echo out; echo err >&2; exit 2", set: func(*testing.T, *exec.Cmd) func() string {
		return func() string { return "" }
	}},
	{name: "Stdout nil", script: "echo out; echo err >&2", set: func(_ *testing.T, cmd *exec.Cmd) func() string {
		var err bytes.Buffer
		cmd.Stderr = &err
		return err.String
	}},
	{name: "Stderr nil", script: "echo out; echo err >&2", set: func(_ *testing.T, cmd *exec.Cmd) func() string {
		var out bytes.Buffer
		cmd.Stdout = &out
		return out.String
	}},
	{name: "one writer for both", script: "echo out; echo err >&2; echo out; test /dev/fd/1 -ef /dev/fd/2", set: func(_ *testing.T, cmd *exec.Cmd) func() string {
		var both bytes.Buffer
		cmd.Stdout, cmd.Stderr = &both, &both
		return both.String
	}},
	{name: "writers that cannot be compared", script: "echo out; echo err >&2", set: func(_ *testing.T, cmd *exec.Cmd) func() string {
		out := uncomparableWriter{Buffer: new(bytes.Buffer)}
		cmd.Stdout, cmd.Stderr = out, uncomparableWriter{Buffer: new(bytes.Buffer)}
		return out.String
	}},
	{name: "a file for both", script: "echo out; echo err >&2; echo out", set: func(t *testing.T, cmd *exec.Cmd) func() string {
		f := must(os.Create(filepath.Join(t.TempDir(), "out")))
		t.Cleanup(func() { f.Close() })
		cmd.Stdout, cmd.Stderr = f, f
		return func() string { return string(must(os.ReadFile(f.Name()))) }
	}},
	{name: "Stdin", script: "cat; cat >&2", set: func(t *testing.T, cmd *exec.Cmd) func() string {
		cmd.Stdin = strings.NewReader("from here")
		return twoBuffers(t, cmd)
	}},
	{name: "Dir, Env, ExtraFiles", script: "pwd; echo $NAME; echo extra >&3", set: func(t *testing.T, cmd *exec.Cmd) func() string {
		f := must(os.Create(filepath.Join(t.TempDir(), "extra")))
		t.Cleanup(func() { f.Close() })
		cmd.Dir, cmd.ExtraFiles = "/", []*os.File{f}
		cmd.Env = append(os.Environ(), "NAME=value")
		two := twoBuffers(t, cmd)
		return func() string { return two() + string(must(os.ReadFile(f.Name()))) }
	}},
	{name: "Stdout breaks", script: "echo long enough; echo err >&2", set: brokenStdout, pipesOnly: true},
	{name: "Stdout breaks, and cmd fails", script: "echo long enough; echo err >&2; exit 3", set: brokenStdout, pipesOnly: true},
	{name: "Stdout takes less", script: "echo out", set: func(_ *testing.T, cmd *exec.Cmd) func() string {
		out := new(shortWriter)
		cmd.Stdout = out
		return out.taken.String
	}},
	{name: "Stdout breaks, cmd writes without end", script: "exec yes", set: brokenStdout, pipesOnly: true},
	{name: "WaitDelay", script: "exec 3<&0; echo out; (read x <&3) & exit 0", set: straggling},
	{name: "WaitDelay, and cmd fails", script: "exec 3<&0; echo out; (read x <&3) & exit 3", set: straggling},
	{name: "WaitDelay, and nobody stays", script: "echo out", set: func(t *testing.T, cmd *exec.Cmd) func() string {
		cmd.WaitDelay = time.Hour
		return twoBuffers(t, cmd)
	}},
}

// straggling has a child of cmd hold the output until the test ends.
func straggling(t *testing.T, cmd *exec.Cmd) func() string {
	hold(t, cmd)
	cmd.WaitDelay = 100 * time.Millisecond
	return twoBuffers(t, cmd)
}

func brokenStdout(_ *testing.T, cmd *exec.Cmd) func() string {
	out, err := &brokenWriter{room: 4}, new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = out, err
	return func() string { return fmt.Sprintf("%q %q", out.taken.String(), err.String()) }
}

// outcome is what the caller of Run sees.
func outcome(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.String()
	}
	return fmt.Sprint(err)
}

// Run ends as os/exec does, and writes the same.
func TestRunAsOsExec(t *testing.T) {
	watch(t)
	for _, c := range runCases {
		t.Run(c.name, func(t *testing.T) {
			want := exec.Command("sh", "-c", c.script)
			wantWritten := c.set(t, want)
			wantErr := want.Run()
			forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
				if c.pipesOnly && !k.Pipe {
					t.Skip("a socket is only told at its end")
				}
				cmd := exec.Command("sh", "-c", c.script)
				written := c.set(t, cmd)
				stdout, stderr := cmd.Stdout, cmd.Stderr
				err := m.Run(cmd)
				if outcome(err) != outcome(wantErr) || written() != wantWritten() {
					t.Errorf("%v, wrote %.200s, want %v, %.200s", err, written(), wantErr, wantWritten())
				}
				if !sameFields(cmd, stdout, stderr) {
					t.Error("Stdout or Stderr was changed")
				}
				if got, want := cmd.ProcessState.String(), want.ProcessState.String(); got != want {
					t.Errorf("ProcessState is %v, want %v", got, want)
				}
			})
		})
	}
}

func sameFields(cmd *exec.Cmd, stdout, stderr io.Writer) bool {
	if _, ok := stdout.(uncomparableWriter); ok {
		return cmd.Stdout != nil && cmd.Stderr != nil
	}
	return cmd.Stdout == stdout && cmd.Stderr == stderr
}

// Run does what os/exec cannot: it keeps the order.
func TestRunInOrder(t *testing.T) {
	watch(t)
	var log bytes.Buffer
	out, err := &tagging{&log, "O "}, &tagging{&log, "E "}
	cmd := shell("for i in 1 2 3; do echo $i; echo $i >&2; done")
	cmd.Stdout, cmd.Stderr = out, err
	if err := iomux.Run(cmd); err != nil {
		t.Fatal(err)
	}
	if want := "O 1\nE 1\nO 2\nE 2\nO 3\nE 3\n"; log.String() != want {
		t.Errorf("got %q", log.String())
	}
}

// A tagging writer does not lock: Run calls it from one goroutine.
type tagging struct {
	*bytes.Buffer
	tag string
}

func (w *tagging) Write(p []byte) (int, error) {
	w.WriteString(w.tag)
	return w.Buffer.Write(p)
}

func TestRunRefused(t *testing.T) {
	watch(t)
	leakCheck(t)
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		if err := m.Run(nil); err == nil {
			t.Error("ran nil")
		}
		for _, out := range []io.Writer{nil, new(bytes.Buffer)} {
			for _, bad := range []*exec.Cmd{exec.Command("no-such-command"), exec.Command("/dev/null"), exec.Command("")} {
				bad.Stdout = out
				want := (&exec.Cmd{Path: bad.Path, Args: bad.Args, Err: bad.Err, Stdout: out}).Run()
				if err := m.Run(bad); fmt.Sprintf("%T %v", err, err) != fmt.Sprintf("%T %v", want, want) {
					t.Errorf("the error is %T %v, want %T %v", err, err, want, want)
				}
			}
			started := shell("echo hi")
			started.Stdout = out
			if err := m.Run(started); err != nil {
				t.Error(err)
			}
			if err := m.Run(started); err == nil || err.Error() != "exec: already started" {
				t.Errorf("again: %v", err)
			}
		}
	})
}

// A canceller ends a context at the first write.
type canceller struct {
	taken  bytes.Buffer
	cancel context.CancelFunc
}

func (w *canceller) Write(p []byte) (int, error) {
	w.cancel()
	return w.taken.Write(p)
}

func TestRunContext(t *testing.T) {
	watch(t)
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		for _, custom := range []bool{false, true} {
			run := func(do func(*exec.Cmd) error) (string, error) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				cmd := exec.CommandContext(ctx, "sh", "-c", "trap 'exit 4' INT; echo out; read x")
				hold(t, cmd)
				if custom {
					cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
					cmd.WaitDelay = 50 * time.Millisecond
				}
				out := &canceller{cancel: cancel}
				cmd.Stdout = out
				err := do(cmd)
				return out.taken.String(), err
			}
			wantText, want := run((*exec.Cmd).Run)
			text, err := run(m.Run)
			if outcome(err) != outcome(want) || text != wantText {
				t.Errorf("custom %t: %v, %q, want %v, %q", custom, err, text, want, wantText)
			}
		}
	})
}

// A writer that panics leaves neither a process nor a goroutine behind.
func TestRunPanic(t *testing.T) {
	watch(t)
	leakCheck(t)
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		cmd := shell("echo out; echo err >&2; echo out")
		cmd.Stdout = panicking{}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			m.Run(cmd)
		}()
		wantGone(t, cmd)
	})
}

type panicking struct{}

func (panicking) Write([]byte) (int, error) { panic("writer") }

// A blockingWriter blocks at its first Write.
type blockingWriter struct {
	taken            bytes.Buffer
	entered, release chan struct{}
}

func (w *blockingWriter) Write(p []byte) (int, error) {
	if w.entered != nil {
		close(w.entered)
		w.entered = nil
		<-w.release
	}
	return w.taken.Write(p)
}

// Run waits for a writer that blocks, and loses nothing by that.
func TestRunBlockingWriter(t *testing.T) {
	watch(t)
	leakCheck(t)
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		entered := make(chan struct{})
		out := &blockingWriter{entered: entered, release: make(chan struct{})}
		cmd := shell("seq 2000; exit 3")
		cmd.Stdout = out
		done := inBackground(func() error { return m.Run(cmd) })
		<-entered
		select {
		case err := <-done:
			t.Fatalf("it returned %v while the writer blocked", err)
		default:
		}
		close(out.release)
		err := <-done
		if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 3 {
			t.Errorf("the error is %v", err)
		}
		if n := bytes.Count(out.taken.Bytes(), []byte("\n")); n != 2000 {
			t.Errorf("%d lines, want 2000", n)
		}
	})
}

// A pausedWriter takes what it is given only when it may go on.
type pausedWriter struct {
	began, goOn chan struct{}
	got         string
}

func (w *pausedWriter) Write(p []byte) (int, error) {
	close(w.began)
	<-w.goOn
	w.got = string(p)
	return len(p), nil
}

// What a writer was given stays until it returns, also if the Mux is closed meanwhile
// and another one could take its memory.
func TestRunBesideClose(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		w := &pausedWriter{began: make(chan struct{}), goOn: make(chan struct{})}
		cmd := shell("printf hello")
		cmd.Stdout = w
		ended := inBackground(func() error { return m.Run(cmd) })
		<-w.began
		m.Close()
		other := must(k.Make(t))
		defer other.Close()
		s := newSender(t, other, "other")
		send(t, s, "other")
		wantRead(t, other, "other", "other")
		close(w.goOn)
		if err := <-ended; !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
		if w.got != "hello" {
			t.Errorf("got %q", w.got)
		}
	})
}
