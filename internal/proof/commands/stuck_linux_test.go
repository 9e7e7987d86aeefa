package commands_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
)

func init() {
	children["write-stuck"] = writeStuck
	children["leave-stuck"] = leaveStuck
}

// What userfaultfd(2) and ioctl_userfaultfd(2) have, and golang.org/x/sys has not.
const (
	uffdAPI           = 0xaa
	uffdMissing       = 1
	ioctlUffdAPI      = 0xc018aa3f
	ioctlUffdRegister = 0xc020aa00
)

// missingPage returns memory whose first touch waits until release is called, and a
// channel that is closed when somebody waits so.
func missingPage() (page []byte, touched <-chan struct{}, release func(), err error) {
	fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|unix.O_NONBLOCK, 0, 0)
	if errno != 0 {
		return nil, nil, nil, os.NewSyscallError("userfaultfd", errno)
	}
	page, err = unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		panic(err)
	}
	api := [3]uint64{uffdAPI}
	region := [4]uint64{uint64(uintptr(unsafe.Pointer(&page[0]))), uint64(len(page)), uffdMissing}
	_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, ioctlUffdAPI, uintptr(unsafe.Pointer(&api)))
	if errno == 0 {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, ioctlUffdRegister, uintptr(unsafe.Pointer(&region)))
	}
	if errno != 0 {
		unix.Close(int(fd))
		return nil, nil, nil, os.NewSyscallError("ioctl of a userfaultfd", errno)
	}
	uffd := os.NewFile(fd, "userfaultfd") // before UFFDIO_API it cannot be polled
	said := make(chan struct{})
	go func() {
		if n, _ := uffd.Read(make([]byte, 32)); n > 0 { // struct uffd_msg
			close(said)
		}
	}()
	return page, said, func() { uffd.Close() }, nil // which lets go of all who wait
}

func needMissingPages(t *testing.T) {
	_, _, release, err := missingPage()
	if err != nil {
		t.Skip(err)
	}
	release()
}

// stick begins to write to s what the kernel cannot have until release is called.
func stick(t *testing.T, s *os.File) (written <-chan error, release func()) {
	t.Helper()
	page, touched, release, err := missingPage()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(release)
	fd := int(s.Fd())
	written = inBackground(func() error {
		_, err := unix.Write(fd, page)
		return err
	})
	select {
	case <-touched:
	case err := <-written:
		t.Fatalf("write does not wait: %v", err)
	}
	return written, release
}

func wantStuck(t *testing.T, written <-chan error) {
	t.Helper()
	select {
	case err := <-written:
		t.Errorf("the writer is through: %v", err)
	default:
	}
}

// wantNoWait looks that there is nothing to read, and that the end of a context and
// TryRead do not wait for the writer.
func wantNoWait(t *testing.T, m *iomux.Mux) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if d, err := m.ReadContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read %q, %v", d.Data, err)
	}
	wantNothing(t, m)
}

// A writer whose memory is not there keeps the lock of its pipe for as long as it
// likes. Nobody here waits for it.
func TestStuckWriter(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		s := newSender(t, m, "s")
		send(t, s, "one")
		wantRead(t, m, "s", "one")
		written, release := stick(t, s)
		wantNoWait(t, m)
		other := newSender(t, m, "other")
		send(t, other, "two")
		wantRead(t, m, "other", "two")
		other.Close()
		runtime.GC()
		cmd := shell("printf three")
		cmd.WaitDelay = 10 * time.Millisecond
		var last error
		for d, err := range m.Output(cmd) {
			if last = err; err == nil && string(d.Data) != "three" {
				t.Errorf("output %q", d.Data)
			}
		}
		if last != exec.ErrWaitDelay {
			t.Errorf("the end of Output: %v", last)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		if _, err := m.Read(); !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
		wantStuck(t, written)
		release()
		<-written
	})
}

// Whoever holds a sender of a socket can take out of its queue the write end of the
// pipe that tells of its end, and be stuck in a write to that.
func TestStuckHangup(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		if k.Pipe || portable {
			t.Skip("there is no such pipe")
		}
		s := newSender(t, m, "s")
		rights := make([]byte, unix.CmsgSpace(4))
		_, n, _, _, err := unix.Recvmsg(int(s.Fd()), make([]byte, 1), rights, 0)
		if err != nil {
			t.Fatal(err)
		}
		fds := must(unix.ParseUnixRights(&must(unix.ParseSocketControlMessage(rights[:n]))[0]))
		w := os.NewFile(uintptr(fds[0]), "hangup")
		defer w.Close()
		written, release := stick(t, w)
		wantNothing(t, m)
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		wantStuck(t, written)
		release()
		<-written
	})
}

// A child has made its pipe larger, so that something lies there while it holds
// the lock.
func TestStuckWriterOfLargerPipe(t *testing.T) {
	for _, known := range []bool{false, true} {
		m := muxtest.NewPipeMux(t)
		s := newSender(t, m, "s")
		must(unix.FcntlInt(s.Fd(), unix.F_SETPIPE_SZ, 4*os.Getpagesize()))
		send(t, s, "one")
		send(t, s, "two")
		wantRead(t, m, "s", "one")
		if known {
			wantRead(t, m, "s", "two")
			wantNothing(t, m)
		}
		written, release := stick(t, s)
		wantNoWait(t, m)
		wantStuck(t, written)
		release()
		if err := <-written; err != nil {
			t.Error(err)
		}
		if !known {
			wantRead(t, m, "s", "two")
		}
		wantRead(t, m, "s", string(make([]byte, os.Getpagesize())))
		s.Close()
		wantEnd(t, m)
	}
}

// The files of writeStuck and leaveStuck besides the usual three.
const (
	releaseFD = 3 // ends when the writer is to be let go
	aliveFD   = 4 // open while the writer is alive
	touchedFD = 5 // gets a line when the writer is stuck
)

// writeStuck writes from a page that is not there.
func writeStuck([]string) int {
	page, touched, release, err := missingPage()
	if err != nil {
		return checkFailed("%v", err)
	}
	go func() {
		<-touched
		os.NewFile(touchedFD, "touched").WriteString("touched\n")
		io.Copy(io.Discard, os.NewFile(releaseFD, "release"))
		release()
	}()
	unix.Write(1, page)
	return 0
}

// leaveStuck leaves a process behind that is stuck in a write.
func leaveStuck([]string) int {
	cmd := childCommand("write-stuck")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	r, w := must2(os.Pipe())
	cmd.ExtraFiles = []*os.File{os.NewFile(releaseFD, "release"), os.NewFile(aliveFD, "alive"), w}
	if err := cmd.Start(); err != nil {
		return checkFailed("%v", err)
	}
	w.Close()
	if _, err := r.Read(make([]byte, 1)); err != nil {
		return checkFailed("the writer is not stuck: %v", err)
	}
	return 0
}

// Output and Run return when WaitDelay is over, though a process that the command
// left behind is in the middle of a write.
func TestStuckStraggler(t *testing.T) {
	muxtest.NeedPipes(t)
	needMissingPages(t)
	for name, run := range map[string]func(*exec.Cmd) error{
		"Output": func(cmd *exec.Cmd) (last error) {
			for _, err := range iomux.Output(cmd) {
				last = err
			}
			return last
		},
		"Run": func(cmd *exec.Cmd) error {
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			return iomux.Run(cmd)
		},
	} {
		t.Run(name, func(t *testing.T) {
			watch(t)
			leakCheck(t)
			released, release := must2(os.Pipe())
			defer released.Close()
			gone, alive := must2(os.Pipe())
			defer gone.Close()
			cmd := childCommand("leave-stuck")
			cmd.ExtraFiles = []*os.File{released, alive}
			cmd.WaitDelay = 10 * time.Millisecond
			if err := run(cmd); err != exec.ErrWaitDelay {
				t.Error(err)
			}
			alive.Close()
			gone.SetReadDeadline(time.Unix(1, 0))
			if _, err := gone.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the writer is through: %v", err)
			}
			release.Close()
			gone.SetReadDeadline(time.Time{})
			if _, err := gone.Read(make([]byte, 1)); err != io.EOF {
				t.Error(err)
			}
		})
	}
}
