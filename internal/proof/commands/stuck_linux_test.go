package commands_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	fd := int(s.Fd())
	return stickIn(t, func(page []byte) error {
		_, err := unix.Write(fd, page)
		return err
	})
}

// stickIn makes a call that waits for a page until release is called.
func stickIn(t *testing.T, call func(page []byte) error) (ended <-chan error, release func()) {
	t.Helper()
	page, touched, release, err := missingPage()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(release)
	ended = inBackground(func() error { return call(page) })
	select {
	case <-touched:
	case err := <-ended:
		t.Fatalf("the call does not wait: %v", err)
	}
	return ended, release
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
		w := takeHangup(t, s)
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

// takeHangup takes that write end out of the queue of s.
func takeHangup(t *testing.T, s *os.File) *os.File {
	t.Helper()
	rights := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(int(s.Fd()), make([]byte, 1), rights, 0)
	if err != nil {
		t.Fatal(err)
	}
	fds := must(unix.ParseUnixRights(&must(unix.ParseSocketControlMessage(rights[:n]))[0]))
	return os.NewFile(uintptr(fds[0]), "hangup")
}

// reopen opens an end of the pipe of f.
func reopen(t *testing.T, f *os.File, flags int) *os.File {
	t.Helper()
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), flags|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip(err)
	}
	return os.NewFile(uintptr(fd), "pipe")
}

// stickReader begins to read from f into memory that is not there until release is
// called.
func stickReader(t *testing.T, f *os.File) (read <-chan error, release func()) {
	t.Helper()
	return stickIn(t, func(page []byte) error {
		_, err := unix.Read(int(f.Fd()), page)
		return err
	})
}

// He can also open the other end of that pipe, close the write end, which is a hangup,
// and be stuck in a read.
func TestStuckHangupReader(t *testing.T) {
	for name, call := range map[string]func(t *testing.T, m *iomux.Mux){
		"reads":      func(t *testing.T, m *iomux.Mux) { wantNoWait(t, m) },
		"MakeSender": func(t *testing.T, m *iomux.Mux) { newSender(t, m, "other") },
	} {
		t.Run(name, func(t *testing.T) {
			forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
				if k.Pipe || portable {
					t.Skip("there is no such pipe")
				}
				s := newSender(t, m, "s")
				w := takeHangup(t, s)
				must(w.WriteString("x"))
				r := reopen(t, w, unix.O_RDONLY)
				defer r.Close()
				w.Close()
				read, release := stickReader(t, r)
				call(t, m)
				wantStuck(t, read)
				if err := m.Close(); err != nil {
					t.Error(err)
				}
				release()
				<-read
			})
		})
	}
}

// A child opens the read end of its pipe, closes the write end, and is stuck in a read.
// Only a read waits for it: neither Close nor the release of a Mux that is dropped.
func TestStuckThief(t *testing.T) {
	muxtest.NeedPipes(t)
	for _, drop := range []bool{false, true} {
		m := must(iomux.NewPipe())
		s := must(m.MakeSender())
		r := reopen(t, s, unix.O_RDONLY)
		defer r.Close()
		send(t, s, "x")
		s.Close()
		read, release := stickReader(t, r)
		if drop {
			m = nil
			wantCleanups(t)
		} else if err := m.Close(); err != nil {
			t.Error(err)
		}
		wantStuck(t, read)
		release()
		<-read
	}
}

// wantCleanups wants the cleanups of other things to be called.
func wantCleanups(t *testing.T) {
	t.Helper()
	watch(t)
	runtime.GC()
	called := make(chan struct{})
	runtime.AddCleanup(new([100]int), func(c chan struct{}) { close(c) }, called)
	for {
		runtime.GC()
		select {
		case <-called:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// A child opens its pipe again after the hangup was seen, and is stuck in a write.
func TestStuckAfterHangup(t *testing.T) {
	m := muxtest.NewPipeMux(t)
	newSender(t, m, "other")
	s := must(m.MakeTaggedSender("s"))
	r := reopen(t, s, unix.O_RDONLY)
	defer r.Close()
	send(t, s, "x")
	s.Close()
	wantRead(t, m, "s", "x")
	w := reopen(t, r, unix.O_WRONLY)
	defer w.Close()
	written, release := stick(t, w)
	wantNoWait(t, m)
	wantStuck(t, written)
	release()
	<-written
}

// What is queued when the Mux is closed may hold descriptors whose last close waits for
// a child.
func TestStuckQueue(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		if k.Pipe {
			t.Skip("descriptors are not sent on pipes")
		}
		s := newSender(t, m, "s")
		r, w := must2(os.Pipe())
		defer w.Close()
		if err := unix.Sendmsg(int(s.Fd()), []byte("x"), unix.UnixRights(int(r.Fd())), nil, 0); err != nil {
			t.Fatal(err)
		}
		r.Close()
		written, release := stick(t, w)
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		if _, err := m.MakeSender(); !errors.Is(err, os.ErrClosed) {
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
