package storms_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
	"golang.org/x/sys/unix"
)

func init() {
	muxtest.Children["shortQueue"] = shortQueue
	falseAlarm = func(f *os.File) {
		conn, err := f.SyscallConn() // f may be closed at any time
		if err != nil {
			return
		}
		conn.Control(func(fd uintptr) {
			var b [1]byte
			unix.Recvfrom(int(fd), b[:], unix.MSG_DONTWAIT)
		})
	}
}

const queueFile = "/proc/sys/net/unix/max_dgram_qlen"

// shortQueue runs the tests of its second argument where the queue takes the
// number of messages in the first, and one more.
func shortQueue(args []string) int {
	if err := os.WriteFile(queueFile, []byte(args[0]), 0); err != nil {
		fmt.Println("skip:", err)
		return 0
	}
	self := muxtest.Must(os.Executable())
	err := syscall.Exec(self, []string{self, "-test.v", "-test.run", args[1]}, os.Environ())
	fmt.Println(err)
	return 1
}

// The same hunt with the shortest queue, in which a writer has to wait most of
// the time, in a network namespace of its own.
func TestWakeUpsShortQueue(t *testing.T) {
	withQueue(t, "1", "^TestWakeUps$", "--- PASS: TestWakeUps/8/NewPipe")
}

// A queue of many batches, likewise.
func TestLongQueue(t *testing.T) {
	withQueue(t, "3000", "^TestManyQueued$", "--- PASS: TestManyQueued/NewAbstract")
}

// withQueue runs tests of this binary where the queue takes so many messages and
// one more, and wants them to say that they were run.
func withQueue(t *testing.T, length, tests, run string) {
	t.Helper()
	muxtest.Watch(t)
	cmd := muxtest.Child("shortQueue", length, tests)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	var refused *os.PathError
	switch {
	case errors.As(err, &refused) || errors.Is(err, os.ErrPermission):
		t.Skipf("no network namespace: %v", err)
	case strings.HasPrefix(string(out), "skip:"):
		t.Skipf("the length of the queue cannot be set: %s", out)
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	case !strings.Contains(string(out), run):
		t.Fatalf("not all of it was run:\n%s", out)
	}
}

// Whoever has closed a sender long ago is still known by what lies in the queue,
// however many batches that is.
func TestManyQueued(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		if k.Pipe {
			t.Skip("a pipe holds one write")
		}
		last := muxtest.NewSender(t, m, "last")
		f := muxtest.Must(m.MakeTaggedSender("closed"))
		n := 0
		for ; n < 2000 && writable(f); n++ {
			muxtest.Send(t, f, strconv.Itoa(n))
		}
		f.Close()
		for i := range n {
			muxtest.WantRead(t, m, "closed", strconv.Itoa(i))
		}
		muxtest.WantNothing(t, m)
		last.Close()
		muxtest.WaitEnd(t, m)
	})
}

// writable reports whether a write to f need not wait.
func writable(f *os.File) bool {
	fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLOUT}}
	unix.Poll(fds, 0)
	return fds[0].Revents&unix.POLLOUT != 0
}
