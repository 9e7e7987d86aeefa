package commands_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
)

func init() { children["enlarge"] = enlarge }

const queuedLines = 200

// enlarge makes its pipe larger, writes lines, and leaves somebody behind.
func enlarge([]string) int {
	if _, err := unix.FcntlInt(1, unix.F_SETPIPE_SZ, 1<<20); err != nil {
		return checkFailed("%v", err)
	}
	for i := range queuedLines {
		fmt.Println(i)
	}
	cmd := shell("read x")
	cmd.Stdin, cmd.Stdout = os.Stdin, os.Stdout
	if err := cmd.Start(); err != nil {
		return checkFailed("%v", err)
	}
	return 0
}

// wantDrained wants so many pieces, of which all but one are queued when the WaitDelay
// of cmd ends.
func wantDrained(t *testing.T, m *iomux.Mux, cmd *exec.Cmd, want int) {
	t.Helper()
	hold(t, cmd)
	cmd.WaitDelay = time.Millisecond
	n := 0
	var last error
	for _, err := range m.Output(cmd) {
		if last = err; err != nil {
			continue
		}
		if n++; n == 1 {
			exited(cmd)
			time.Sleep(50 * time.Millisecond)
		}
	}
	if n != want || last != exec.ErrWaitDelay {
		t.Errorf("%d pieces of %d, %v", n, want, last)
	}
}

// More can be queued than was known when WaitDelay ended: the child has made its pipe
// larger.
func TestDrainEnlarged(t *testing.T) {
	watch(t)
	wantDrained(t, muxtest.NewPipeMux(t), childCommand("enlarge"), queuedLines)
}

// More can be queued than the system says here, if the Mux was made in another network
// namespace.
func TestDrainOtherNamespace(t *testing.T) {
	watch(t)
	m, err := inNamespace(func() (*iomux.Mux, error) {
		if err := os.WriteFile("/proc/sys/net/unix/max_dgram_qlen", []byte("300"), 0); err != nil {
			return nil, err
		}
		return iomux.New()
	})
	if err != nil {
		t.Skip(err)
	}
	defer m.Close()
	wantDrained(t, m, straggler("read x <&3", "i=0; while [ $i -lt 200 ]; do echo $i; i=$((i+1)); done"), queuedLines)
}

// Pipes that end while what is queued is yielded do not make that less.
func TestDrainManySenders(t *testing.T) {
	watch(t)
	m := muxtest.NewPipeMux(t)
	const senders = 20
	for range senders {
		f := must(m.MakeTaggedSender("before"))
		send(t, f, "x")
		f.Close()
	}
	wantDrained(t, m, straggler("read x <&3", "echo last"), senders+1)
}

// inNamespace calls f in a new network namespace.
func inNamespace[T any](f func() (T, error)) (v T, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // the thread ends with the goroutine
		if err = os.NewSyscallError("unshare", unix.Unshare(unix.CLONE_NEWNET)); err == nil {
			v, err = f()
		}
	}()
	<-done
	return v, err
}
