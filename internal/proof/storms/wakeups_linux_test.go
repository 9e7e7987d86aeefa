package storms_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

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
	muxtest.Watch(t)
	cmd := muxtest.Child("shortQueue", "1", "^TestWakeUps$")
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
	case !strings.Contains(string(out), "--- PASS: TestWakeUps/8/NewPipe"):
		t.Fatalf("not all of it was run:\n%s", out)
	}
}
