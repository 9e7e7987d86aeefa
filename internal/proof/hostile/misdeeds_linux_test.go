package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
	"golang.org/x/sys/unix"
)

func init() {
	muxtest.Children["misbehave"] = misbehave
	muxtest.Children["nothing"] = nothing
}

// disconnect is connect(2) to no address.
func disconnect(fd int) error {
	none := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&none)), unsafe.Sizeof(none))
	if errno != 0 {
		return errno
	}
	return nil
}

// noDisconnect is why a connected socket cannot be disconnected here, or nil.
var noDisconnect = func() error {
	fd, _ := muxtest.NamedSocket()
	defer unix.Close(fd)
	return disconnect(fd)
}()

// connectTo connects standard output to somewhere else.
func connectTo(to unix.Sockaddr) error {
	if err := disconnect(1); err != nil {
		return err
	}
	return unix.Connect(1, to)
}

// connectToItself connects standard output to standard output.
func connectToItself() error {
	own, err := unix.Getsockname(1)
	if err != nil {
		return err
	}
	return connectTo(own)
}

func setOption(option, value int) func() error {
	return func() error { return unix.SetsockoptInt(1, unix.SOL_SOCKET, option, value) }
}

// both gives the first error of two deeds.
func both(first, second func() error) func() error {
	return func() error {
		if err := first(); err != nil {
			return err
		}
		return second()
	}
}

// readAll takes what was sent to standard output, and does not care.
func readAll() error {
	for {
		if _, _, err := unix.Recvfrom(1, make([]byte, 10), unix.MSG_DONTWAIT); err != nil {
			return nil
		}
	}
}

// badWrite writes from an address where nothing is.
func badWrite() error {
	_, _, errno := unix.Syscall(unix.SYS_WRITE, 1, 1, 10)
	if errno != unix.EFAULT {
		return errno
	}
	good := byte('x')
	vec := [2]unix.Iovec{{Base: &good}, {}}
	vec[0].SetLen(1)
	vec[1].SetLen(10)
	*(*uintptr)(unsafe.Pointer(&vec[1].Base)) = 1
	if _, _, errno := unix.Syscall(unix.SYS_WRITEV, 1, uintptr(unsafe.Pointer(&vec)), 2); errno != unix.EFAULT {
		return errno
	}
	return nil
}

// misdeeds are what a child may do to its standard output, none of which may be
// taken for its end, nor harm others.
var misdeeds = []struct {
	name string
	do   func() error

	// What comes of it, 0 if it works: with a socket, and with a pipe.
	socket, pipe unix.Errno

	mute bool // what it writes to its socket then does not come to the reader
}{
	{"disconnects", func() error { return disconnect(1) }, 0, unix.ENOTSOCK, true},
	{"connects to itself", both(connectToItself, func() error {
		return unix.Sendto(1, []byte("to myself"), unix.MSG_DONTWAIT, nil)
	}), 0, unix.ENOTSOCK, true},
	{"fills its own queue", both(connectToItself, func() error {
		for {
			if err := unix.Sendto(1, []byte("to myself"), unix.MSG_DONTWAIT, nil); err == unix.EAGAIN {
				return nil
			} else if err != nil {
				return err
			}
		}
	}), 0, unix.ENOTSOCK, true},
	{"connects elsewhere", func() error {
		other, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0) // open until the child ends
		if err != nil {
			return err
		}
		if err := unix.Bind(other, &unix.SockaddrUnix{}); err != nil {
			return err
		}
		return connectTo(muxtest.Must(unix.Getsockname(other)))
	}, 0, unix.ENOTSOCK, true},
	{"binds it", func() error { return unix.Bind(1, &unix.SockaddrUnix{Name: "\x00x"}) }, unix.EINVAL, unix.ENOTSOCK, false},
	{"listens", func() error { return unix.Listen(1, 1) }, unix.EOPNOTSUPP, unix.ENOTSOCK, false},
	{"polls", func() error {
		_, err := unix.Poll([]unix.PollFd{{Fd: 1, Events: unix.POLLIN | unix.POLLOUT}}, 0)
		return err
	}, 0, 0, false},
	{"stops reading", func() error { return unix.Shutdown(1, unix.SHUT_RD) }, 0, unix.ENOTSOCK, false},
	{"stops writing", func() error { return unix.Shutdown(1, unix.SHUT_WR) }, 0, unix.ENOTSOCK, true},
	{"stops both and reads", both(func() error { return unix.Shutdown(1, unix.SHUT_RDWR) }, readAll), 0, unix.ENOTSOCK, true},
	{"reads with descriptors", func() error { // and closes what it got
		oob := make([]byte, unix.CmsgSpace(4))
		_, n, _, _, err := unix.Recvmsg(1, make([]byte, 10), oob, unix.MSG_DONTWAIT)
		if err != nil {
			return err
		}
		cmsgs := muxtest.Must(unix.ParseSocketControlMessage(oob[:n]))
		fd := muxtest.Must(unix.ParseUnixRights(&cmsgs[0]))[0]
		unix.Write(fd, []byte("into the pipe"))
		return unix.Close(fd)
	}, 0, unix.ENOTSOCK, false},
	{"refuses and reads", both(setOption(unix.SO_PASSCRED, 1), func() error {
		setOption(unix.SO_PASSRIGHTS, 0)() // from 6.16 on
		return readAll()
	}), 0, unix.ENOTSOCK, false},
	{"filters and reads", func() error { // all that is sent to it is dropped
		drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
		if err := unix.SetsockoptSockFprog(1, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop}); err != nil {
			return err
		}
		return readAll()
	}, 0, unix.ENOTSOCK, false},
	{"has no room", setOption(unix.SO_SNDBUF, 1), 0, unix.ENOTSOCK, false},
	{"has much room", setOption(unix.SO_SNDBUF, 1<<30), 0, unix.ENOTSOCK, false},
	{"has no room to receive", both(setOption(unix.SO_RCVBUF, 1), readAll), 0, unix.ENOTSOCK, false},
	{"does not wait", func() error { return unix.SetNonblock(1, true) }, 0, 0, false},
	{"writes from nowhere", badWrite, 0, 0, false},
	{"leaves packet mode", func() error {
		flags := muxtest.Must(unix.FcntlInt(1, unix.F_GETFL, 0))
		_, err := unix.FcntlInt(1, unix.F_SETFL, flags&^unix.O_DIRECT)
		return err
	}, 0, 0, false},
	{"enlarges its pipe", func() error {
		_, err := unix.FcntlInt(1, unix.F_SETPIPE_SZ, 2*os.Getpagesize())
		return err
	}, unix.EBADF, 0, false},
	{"opens it", func() error {
		fd, err := unix.Open("/proc/self/fd/1", unix.O_RDWR|unix.O_NONBLOCK, 0)
		if err == nil {
			err = unix.Close(fd)
		}
		return err
	}, unix.ENXIO, 0, false},
	{"asks for signals", func() error { // SIGURG, which does nothing
		if _, err := unix.FcntlInt(1, unix.F_SETSIG, int(unix.SIGURG)); err != nil {
			return err
		}
		if _, err := unix.FcntlInt(1, unix.F_SETOWN, os.Getpid()); err != nil {
			return err
		}
		_, err := unix.FcntlInt(1, unix.F_SETFL, unix.O_ASYNC)
		return err
	}, 0, 0, false},
}

// misbehave does what its first argument names, of which the errno in its second
// has to come, and writes once more. It tells so on its standard error, and lives
// until its standard input ends.
func misbehave(args []string) int {
	muxtest.Must(unix.Write(1, []byte("good")))
	for _, d := range misdeeds {
		if d.name != args[0] {
			continue
		}
		if err := d.do(); err != nil && fmt.Sprint(err) != args[1] || err == nil && args[1] != "" {
			fmt.Fprintf(os.Stderr, "%v, want %s", err, args[1])
			return 1
		}
	}
	unix.Sendto(1, []byte("later"), unix.MSG_DONTWAIT, nil) // it may be its own queue, which is full
	if _, err := unix.Getsockname(1); err != nil {          // a pipe
		unix.Poll([]unix.PollFd{{Fd: 1, Events: unix.POLLOUT}}, -1)
		muxtest.Must(unix.Write(1, []byte("later")))
	}
	muxtest.Must(unix.Write(2, []byte("done")))
	io.Copy(io.Discard, os.Stdin)
	muxtest.Must(unix.Write(2, []byte("bye")))
	return 0
}

func TestMisdeeds(t *testing.T) {
	for _, d := range misdeeds {
		t.Run(strings.ReplaceAll(d.name, " ", "-"), func(t *testing.T) {
			muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
				if !k.Pipe && strings.Contains(d.name, "connect") && noDisconnect != nil {
					t.Skip("a socket cannot be disconnected: ", noDisconnect)
				}
				want, mute := "", d.mute
				if errno := d.socket; errno != 0 && !k.Pipe {
					want = errno.Error()
				}
				if k.Pipe {
					mute = false
					if d.pipe != 0 {
						want = d.pipe.Error()
					}
				}
				out, errs, stays := muxtest.NewSender(t, m, "out"), muxtest.NewSender(t, m, "err"), muxtest.NewSender(t, m, "stays")
				cmd := muxtest.Child("misbehave", d.name, want)
				cmd.Stdout, cmd.Stderr = out, errs
				stdin := muxtest.Must(cmd.StdinPipe())
				wait := muxtest.Start(t, cmd)
				out.Close()
				errs.Close()
				muxtest.WantRead(t, m, "out", "good")
				switch {
				case mute:
					muxtest.WantRead(t, m, "err", "done")
				case k.Pipe && d.name == "enlarges its pipe": // and so loses the order
					got := map[string]string{}
					for range 2 {
						d := muxtest.Must(m.Read())
						got[d.Tag] = string(d.Data)
					}
					if got["out"] != "later" || got["err"] != "done" {
						t.Fatalf("got %v", got)
					}
				default:
					muxtest.WantRead(t, m, "out", "later")
					muxtest.WantRead(t, m, "err", "done")
				}
				stays.Close()
				for range 3 {
					muxtest.WantNothing(t, m)
				}
				if k.Name == "New" { // once is enough, it takes its time
					muxtest.Tick()
				}
				muxtest.WantNothing(t, m)
				stdin.Close()
				muxtest.WantRead(t, m, "err", "bye")
				if err := wait(); err != nil {
					t.Error(err)
				}
				muxtest.WantEnd(t, m)
			})
		})
	}
}

// nothing writes nothing until its standard input ends, from some threads: empty
// messages, and from where nothing is.
func nothing(args []string) int {
	for range muxtest.Must(strconv.Atoi(args[0])) {
		go func() {
			for {
				unix.Sendto(1, nil, 0, nil)
				unix.Syscall(unix.SYS_WRITE, 1, 1, 10)
			}
		}()
	}
	muxtest.Must(unix.Write(1, []byte("ready")))
	io.Copy(io.Discard, os.Stdin)
	muxtest.Must(unix.Write(1, []byte("bye")))
	return 0
}

// A child that keeps the reader busy with nothing hangs nobody: not TryRead, not a
// cancel, not another sender, not Close. It is heard itself.
func TestNothingForEver(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		f, other := muxtest.NewSender(t, m, "x"), muxtest.NewSender(t, m, "other")
		cmd := muxtest.Child("nothing", "3")
		cmd.Stdout, cmd.Stderr = f, os.Stderr
		stdin := muxtest.Must(cmd.StdinPipe())
		wait := muxtest.Start(t, cmd)
		f.Close()
		muxtest.WantRead(t, m, "x", "ready")
		for i := range muxtest.Rounds(20) {
			muxtest.WantNothing(t, m)
			ctx, cancel := context.WithCancel(context.Background())
			go cancel()
			if _, err := m.ReadContext(ctx); err != context.Canceled {
				t.Fatal(err)
			}
			data := fmt.Sprint("data ", i)
			go other.WriteString(data)
			muxtest.WantRead(t, m, "other", data)
		}
		read := muxtest.InBackground(func() error { _, err := m.ReadContext(context.Background()); return err })
		if k.Name == "New" {
			stdin.Close()
			if err := <-read; err != nil {
				t.Error(err)
			}
		} else {
			m.Close()
			if err := <-read; !errors.Is(err, os.ErrClosed) {
				t.Error(err)
			}
			cmd.Process.Kill() // with a pipe the last word would do it
		}
		if err := wait(); err != nil && k.Name == "New" {
			t.Error(err)
		}
	})
}

// A child can open its pipe to read from it, too. What it takes is gone; it harms
// nobody else, and is no writer.
func TestStolenFromPipe(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		f, other := muxtest.NewSender(t, m, "x"), muxtest.NewSender(t, m, "other")
		r, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if !k.Pipe {
			if err != unix.ENXIO {
				t.Errorf("a socket was opened: %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(r)
		for range 20 {
			muxtest.Send(t, f, "stolen")
			muxtest.Send(t, other, "data")
			if n, err := unix.Read(r, make([]byte, 10)); n != 6 {
				t.Fatal(n, err)
			}
			muxtest.WantRead(t, m, "other", "data")
			muxtest.WantNothing(t, m)
			muxtest.Send(t, f, "mine")
			muxtest.WantRead(t, m, "x", "mine")
		}
		f.Close()
		other.Close()
		muxtest.WantEnd(t, m)
	})
}
