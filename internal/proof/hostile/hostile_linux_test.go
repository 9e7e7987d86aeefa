package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
	"golang.org/x/sys/unix"
)

func init() {
	muxtest.Children["sendRights"] = sendRights
	muxtest.Children["flood"] = flood
}

// sendRights sends as many descriptors as go with one message, as often as its
// argument says. What comes of it is the other argument, an errno.
func sendRights(args []string) int {
	want := unix.Errno(muxtest.Must(strconv.Atoi(args[1])))
	null := muxtest.Must(unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0))
	for range muxtest.Must(strconv.Atoi(args[0])) {
		for _, n := range []int{1, 2, 253} {
			rights := unix.UnixRights(slices.Repeat([]int{null}, n)...)
			_, err := unix.SendmsgN(1, fmt.Append(nil, n), rights, nil, 0)
			for err == unix.ETOOMANYREFS { // an ordinary user, until some are received
				runtime.Gosched()
				_, err = unix.SendmsgN(1, fmt.Append(nil, n), rights, nil, 0)
			}
			if err != want && (err != nil || want != 0) {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			muxtest.Must(unix.Write(1, []byte("plain")))
		}
	}
	return 0
}

// A child cannot put descriptors into the reader: the message comes without them.
func TestDescriptorsRefused(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		f := muxtest.NewSender(t, m, "x")
		errno := unix.Errno(0)
		if k.Pipe {
			errno = unix.ENOTSOCK
		}
		cmd := muxtest.Child("sendRights", strconv.Itoa(muxtest.Rounds(40)), strconv.Itoa(int(errno)))
		cmd.Stdout, cmd.Stderr = f, os.Stderr
		wait := muxtest.Start(t, cmd)
		f.Close()
		before := len(muxtest.OpenFiles())
		for range muxtest.Rounds(40) {
			for _, n := range []int{1, 2, 253} {
				if errno == 0 {
					muxtest.WantRead(t, m, "x", fmt.Sprint(n))
				}
				muxtest.WantRead(t, m, "x", "plain")
				if now := len(muxtest.OpenFiles()); now > before {
					t.Fatalf("%d descriptors, there were %d: %v", now, before, muxtest.OpenFiles())
				}
			}
		}
		muxtest.WaitEnd(t, m)
		if err := wait(); err != nil {
			t.Error(err)
		}
	})
}

// A child that keeps what is sent to it to watch it can put the end off, but not
// for longer than it lives. Those who are asked for it are gone then.
func TestKeptWatch(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		if k.Pipe {
			t.Skip("nothing is sent to it")
		}
		f := muxtest.Must(m.MakeTaggedSender("x"))
		oob := make([]byte, unix.CmsgSpace(4))
		_, n, _, _, err := unix.Recvmsg(int(f.Fd()), make([]byte, 10), oob, unix.MSG_CMSG_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		fd := muxtest.Must(unix.ParseUnixRights(&muxtest.Must(unix.ParseSocketControlMessage(oob[:n]))[0]))[0]
		unix.Write(fd, []byte("into the pipe"))
		muxtest.Send(t, f, "data")
		muxtest.WantRead(t, m, "x", "data")
		muxtest.WantNothing(t, m)
		f.Close()
		unix.Close(fd)
		muxtest.WantEnd(t, m)
	})
}

// A sender whose last copy lies in the queue of the Mux itself is not closed before
// that has been read.
func TestSenderInQueue(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		if k.Pipe {
			t.Skip("nothing but bytes goes through a pipe")
		}
		for range 50 {
			f, g := muxtest.Must(m.MakeTaggedSender("f")), muxtest.Must(m.MakeTaggedSender("g"))
			rights := unix.UnixRights(int(f.Fd()), int(g.Fd()))
			muxtest.Must(0, unix.Sendmsg(int(f.Fd()), []byte("both"), rights, nil, 0))
			muxtest.Send(t, g, "data")
			f.Close()
			g.Close()
			muxtest.WantRead(t, m, "f", "both")
			muxtest.WantRead(t, m, "g", "data")
			muxtest.WaitEnd(t, m)
		}
	})
}

// receiverOf gives the address that the sender f writes to.
func receiverOf(t testing.TB, f *os.File) string {
	t.Helper()
	sa, err := unix.Getpeername(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return sa.(*unix.SockaddrUnix).Name
}

// stranger makes a socket that belongs to no Mux, bound to name if that is not
// empty.
func stranger(t testing.TB, name string) int {
	t.Helper()
	fd := muxtest.Must(unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0))
	t.Cleanup(func() { unix.Close(fd) })
	if name != "" {
		muxtest.Must(0, unix.Bind(fd, &unix.SockaddrUnix{Name: name}))
	}
	return fd
}

// What strangers send is not heard, whatever their address, and the end comes.
func TestStrangers(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		if k.Pipe {
			t.Skip("a pipe has no address")
		}
		f := muxtest.NewSender(t, m, "x")
		to := &unix.SockaddrUnix{Name: receiverOf(t, f)}
		if !strings.HasPrefix(to.Name, "@") {
			err := unix.Sendto(stranger(t, ""), []byte("strange"), unix.MSG_DONTWAIT, to)
			if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) && !errors.Is(err, unix.ECONNREFUSED) {
				t.Errorf("the receive end can be reached from outside: %v", err)
			}
			return
		}
		if !strings.Contains(string(muxtest.Must(os.ReadFile("/proc/net/unix"))), to.Name) {
			t.Log("/proc/net/unix does not have the name")
		}
		own := muxtest.Must(unix.Getsockname(int(f.Fd()))).(*unix.SockaddrUnix).Name
		for _, name := range []string{"", "\x00x", "\x00" + strings.Repeat("y", len(own)-1), own[:len(own)-1], own + "x", t.TempDir() + "/s"} {
			fd := stranger(t, name)
			for _, data := range []string{"strange", "", "strange"} {
				muxtest.Must(0, unix.Sendto(fd, []byte(data), unix.MSG_DONTWAIT, to))
			}
			muxtest.Send(t, f, "data")
			muxtest.WantRead(t, m, "x", "data")
			muxtest.Must(0, unix.Sendto(fd, []byte("strange"), unix.MSG_DONTWAIT, to))
			muxtest.WantNothing(t, m)
			if err := unix.Sendto(fd, []byte("strange"), unix.MSG_DONTWAIT, &unix.SockaddrUnix{Name: own}); muxtest.PeersOnly && !errors.Is(err, unix.EPERM) {
				t.Errorf("a stranger can send to a sender: %v", err)
			}
		}
		f.Close()
		muxtest.WantEnd(t, m)
	})
}

// flood sends to the address in its argument until its standard input ends.
func flood(args []string) int {
	fd := muxtest.Must(unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0))
	ended := muxtest.InBackground(func() error { _, err := io.Copy(io.Discard, os.Stdin); return err })
	fmt.Println("ready")
	for {
		select {
		case <-ended:
			return 0
		default:
			for range 100 {
				unix.Sendto(fd, []byte("strange"), unix.MSG_DONTWAIT, &unix.SockaddrUnix{Name: args[0]})
			}
		}
	}
}

// A flood of strange messages hangs nobody: not TryRead, not a cancel, not a
// sender for ever, and neither Close.
func TestFlood(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		if k.Name != "NewAbstract" {
			t.Skip("strangers do not reach it")
		}
		f := muxtest.NewSender(t, m, "x")
		stop, wait := muxtest.StartReady(t, muxtest.Child("flood", receiverOf(t, f)), "ready\n")
		for range 300 {
			muxtest.WantNothing(t, m)
			ctx, cancel := context.WithCancel(context.Background())
			go cancel()
			if _, err := m.ReadContext(ctx); err != context.Canceled {
				t.Fatal(err)
			}
		}
		for i := range 10 {
			data := fmt.Sprint("data ", i)
			go f.WriteString(data)
			muxtest.WantRead(t, m, "x", data)
		}
		read := muxtest.InBackground(func() error { _, err := m.Read(); return err })
		m.Close()
		if err := <-read; !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
		stop.Close()
		if err := wait(); err != nil {
			t.Error(err)
		}
	})
}
