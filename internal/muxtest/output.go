//go:build linux || (unix && experimental_unix)

package muxtest

import (
	"iter"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux"
)

// PiecesOf returns what a loop over seq gets, as "tag data", and the error. It
// fails the test if an error does not come alone and last.
func PiecesOf(t testing.TB, seq iter.Seq2[iomux.TaggedData, error]) (pieces []string, last error) {
	t.Helper()
	for d, err := range seq {
		if last != nil {
			t.Errorf("after the error %v: %q %q, %v", last, d.Tag, d.Data, err)
		}
		if last = err; err != nil {
			if d.Tag != "" || d.Data != nil || d.PID != 0 || !d.Time.IsZero() {
				t.Errorf("with the error %v: %+v", err, d)
			}
			continue
		}
		pieces = append(pieces, d.Tag+" "+string(d.Data))
	}
	return pieces, last
}

// WantPieces fails the test if a loop over seq gets anything but these, or an
// error.
func WantPieces(t testing.TB, seq iter.Seq2[iomux.TaggedData, error], want ...string) {
	t.Helper()
	got, err := PiecesOf(t, seq)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// Shell returns the command that runs a script.
func Shell(script string) *exec.Cmd { return exec.Command("sh", "-c", script) }

// Straggler returns a shell that starts a grandchild, which keeps its output
// open and lives on; script, which the grandchild runs, has the standard input
// of the shell as its descriptor 3. Then the shell runs rest.
func Straggler(script, rest string) *exec.Cmd {
	return Shell("exec 3<&0; (" + script + ") & " + rest)
}

// WantGone fails the test if cmd was not waited for.
func WantGone(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if cmd.Process == nil || cmd.ProcessState == nil {
		t.Fatal("the command was not waited for")
	}
	if err := syscall.Kill(cmd.Process.Pid, 0); err != syscall.ESRCH {
		t.Errorf("process %d: %v", cmd.Process.Pid, err)
	}
}

// Exited waits until cmd has been waited for by the Output it runs in.
func Exited(cmd *exec.Cmd) {
	for syscall.Kill(cmd.Process.Pid, 0) == nil {
		time.Sleep(time.Millisecond)
	}
}
