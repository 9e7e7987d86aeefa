package capture_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux/capture"
)

var errBroken = errors.New("the writer is broken")

// A brokenWriter takes what fits into room. It has no ReadFrom, which os/exec would
// call instead of Write.
type brokenWriter struct {
	buf  bytes.Buffer
	room int
}

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.buf.Len()+len(p) > w.room {
		return 0, errBroken
	}
	return w.buf.Write(p)
}

// A shortWriter takes less than it is given, and says nothing.
type shortWriter struct{ buf bytes.Buffer }

func (w *shortWriter) Write(p []byte) (int, error) { return w.buf.Write(p[:len(p)-1]) }

// runCases are commands that end the same way by Run as by os/exec.
var runCases = []struct {
	name, script string
	set          func(t *testing.T, cmd *exec.Cmd) (written func() string)
}{
	{"two writers", "echo out; echo err >&2; echo out", toBuffers},
	{"exit code", "echo out; exit 3", toBuffers},
	{"killed", "echo out; kill -9 $$", toBuffers},
	{"large", "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2", toBuffers},
	{"both nil", "echo out; echo err >&2; exit 2", func(*testing.T, *exec.Cmd) func() string {
		return func() string { return "" }
	}},
	{"Stdout nil", "echo out; echo err >&2", func(_ *testing.T, cmd *exec.Cmd) func() string {
		var err bytes.Buffer
		cmd.Stderr = &err
		return err.String
	}},
	{"Stderr nil", "echo out; echo err >&2", func(_ *testing.T, cmd *exec.Cmd) func() string {
		var out bytes.Buffer
		cmd.Stdout = &out
		return out.String
	}},
	{"the same writer", "echo 1; echo 2 >&2; echo 3", func(_ *testing.T, cmd *exec.Cmd) func() string {
		var both bytes.Buffer
		cmd.Stdout, cmd.Stderr = &both, &both
		return both.String
	}},
	{"the same file", "echo 1; echo 2 >&2; echo 3", func(t *testing.T, cmd *exec.Cmd) func() string {
		f, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		cmd.Stdout, cmd.Stderr = f, f
		return func() string { b, _ := os.ReadFile(f.Name()); return string(b) }
	}},
	{"Stdin", "cat; cat >&2", func(t *testing.T, cmd *exec.Cmd) func() string {
		cmd.Stdin = bytes.NewBufferString(long(10_000))
		return toBuffers(t, cmd)
	}},
	{"a writer breaks", "echo long enough; echo err >&2", toBroken},
	{"a writer breaks, and cmd fails", "echo long enough; echo err >&2; exit 3", toBroken},
	{"a writer takes less", "echo out", func(_ *testing.T, cmd *exec.Cmd) func() string {
		out := new(shortWriter)
		cmd.Stdout = out
		return out.buf.String
	}},
	{"a writer breaks, cmd writes without end", "exec yes", toBroken},
	{"WaitDelay", "{ read x <&3; } & echo out", toBuffersLate},
	{"WaitDelay, and cmd fails", "{ read x <&3; } & echo out; exit 3", toBuffersLate},
}

func toBuffers(_ *testing.T, cmd *exec.Cmd) func() string {
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	return func() string { return fmt.Sprintf("%q %q", out.String(), err.String()) }
}

func toBuffersLate(t *testing.T, cmd *exec.Cmd) func() string {
	hold(t, cmd)
	cmd.WaitDelay = 100 * time.Millisecond
	return toBuffers(t, cmd)
}

func toBroken(_ *testing.T, cmd *exec.Cmd) func() string {
	out, err := &brokenWriter{room: 4}, new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = out, err
	return func() string { return fmt.Sprintf("%q %q", out.buf.String(), err.String()) }
}

func TestRunAsOsExec(t *testing.T) {
	for _, c := range runCases {
		t.Run(c.name, func(t *testing.T) {
			guarded(t)
			want, got := shell(c.script), shell(c.script)
			wantWritten, written := c.set(t, want), c.set(t, got)
			stdout, stderr := got.Stdout, got.Stderr
			wantErr, err := want.Run(), capture.Run(got)
			if fmt.Sprint(err) != fmt.Sprint(wantErr) || written() != wantWritten() {
				t.Errorf("%v, wrote %.200s, want %v, %.200s", err, written(), wantErr, wantWritten())
			}
			if got.Stdout != stdout || got.Stderr != stderr {
				t.Error("Stdout or Stderr was changed")
			}
			if got, want := got.ProcessState.String(), want.ProcessState.String(); got != want {
				t.Errorf("ProcessState is %v, want %v", got, want)
			}
		})
	}
}

func TestRunRefused(t *testing.T) {
	guarded(t)
	if err := capture.Run(nil); err == nil {
		t.Error("ran nil")
	}
	cmd := exec.Command("no-such-program")
	cmd.Stdout = new(bytes.Buffer)
	err := capture.Run(cmd)
	if _, bare := err.(*exec.Error); !bare || cmd.Stdout == nil {
		t.Errorf("the error is a %T: %v", err, err)
	}
	started := shell("echo hi")
	started.Stdout = new(bytes.Buffer)
	if err := capture.Run(started); err != nil {
		t.Error(err)
	}
	if err := capture.Run(started); err == nil {
		t.Error("ran again")
	}
}

// The writers need no lock: they are called from this goroutine.
func TestRunOneGoroutine(t *testing.T) {
	guarded(t)
	writes := 0
	count := writerFunc(func(p []byte) (int, error) { writes++; return len(p), nil })
	also := writerFunc(func(p []byte) (int, error) { writes++; return len(p), nil })
	cmd := shell("i=0; while [ $i -lt 500 ]; do echo o; echo e >&2; i=$((i+1)); done")
	cmd.Stdout, cmd.Stderr = count, also
	if err := capture.Run(cmd); err != nil || writes == 0 {
		t.Errorf("%d writes, %v", writes, err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// A writer that panics does so here, and leaves nothing behind.
func TestRunPanic(t *testing.T) {
	guarded(t)
	cmd := shell("echo out; echo err >&2")
	cmd.Stdout = writerFunc(func([]byte) (int, error) { panic("by the writer") })
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		capture.Run(cmd)
	}()
	if cmd.ProcessState == nil {
		t.Error("it was not waited for")
	}
}
