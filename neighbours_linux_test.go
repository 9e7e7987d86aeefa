package iomux_test

import (
	"context"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
)

// onThread runs f on a thread that ends with it, whatever f does to it.
func onThread[T any](f func() T) T {
	return <-muxtest.InBackground(func() T {
		runtime.LockOSThread()
		return f()
	})
}

// A sender that was made in another network namespace lives until it is closed
// there, also if its child reads from it.
func TestSenderOfOtherNamespace(t *testing.T) {
	muxtest.Watch(t)
	muxtest.LeakCheck(t)
	m, err := iomux.New()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	type result struct {
		f   *os.File
		err error
	}
	r := onThread(func() (r result) {
		if r.err = unix.Unshare(unix.CLONE_NEWNET); r.err == nil {
			r.f, r.err = m.MakeTaggedSender("far")
		}
		return r
	})
	if r.err != nil {
		t.Skip("no other network namespace: ", r.err)
	}
	defer r.f.Close()
	muxtest.Send(t, r.f, "one")
	muxtest.WantRead(t, m, "far", "one")
	// What tells of its end goes, as if it had been closed.
	if _, _, err := unix.Recvfrom(int(r.f.Fd()), make([]byte, 10), unix.MSG_DONTWAIT); err != nil {
		t.Skip("there is nothing to swallow: ", err)
	}
	muxtest.WantNothing(t, m)
	muxtest.Send(t, r.f, "two")
	muxtest.WantRead(t, m, "far", "two")
	r.f.Close()
	if d, err := m.Read(); err == nil {
		t.Errorf("read %q after the end", d.Data)
	}
}

// Senders can be made after the process has become another user.
func TestSenderOfOtherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	muxtest.Watch(t)
	m, err := iomux.New()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	err = onThread(func() error {
		unix.Syscall(unix.SYS_SETFSUID, 65534, 0, 0) // for what touches files, setfsuid(2)
		f, err := m.MakeTaggedSender("nobody's")
		if err == nil {
			f.Close()
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A Mux that is dropped without Close gives its descriptors back.
func TestDroppedMux(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, _ *iomux.Mux) {
		before := len(muxtest.OpenFiles())
		func() {
			m, err := k.Make(t)
			if err != nil {
				t.Fatal(err)
			}
			muxtest.NewSender(t, m, "s")
		}()
		most := before + 1 // the sender
		for range 500 {
			runtime.GC()
			if len(muxtest.OpenFiles()) <= most {
				return
			}
			time.Sleep(10 * time.Millisecond) // the cleanup runs in a goroutine
		}
		t.Errorf("there are %v, want %d", muxtest.OpenFiles(), most)
	})
}

// A loop of reads with one context that can be canceled allocates nothing, also
// when each read has to wait.
func TestWaitingReadAllocatesNothing(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		s := muxtest.NewSender(t, m, "s")
		turn := make(chan bool)
		defer close(turn)
		data := []byte("data")
		go func() {
			for range turn {
				runtime.Gosched()
				s.Write(data)
			}
		}()
		read := func() {
			turn <- true
			if _, err := m.ReadContext(ctx); err != nil {
				t.Fatal(err)
			}
		}
		for range 100 {
			read()
		}
		if n := testing.AllocsPerRun(500, read); n >= 1 && !muxtest.RaceDetector && !muxtest.Portable {
			t.Errorf("%v allocations for each read", n)
		}
	})
}
