//go:build linux || (unix && experimental_unix)

package iomux_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
	"golang.org/x/sys/unix"
)

func init() {
	children["writeToEnd"] = writeToEnd
}

// writeToEnd writes until that fails, and gives the errno as its exit code.
func writeToEnd([]string) int {
	for {
		if _, err := os.Stdout.WriteString("more"); err != nil {
			var errno syscall.Errno
			errors.As(err, &errno)
			return int(errno)
		}
	}
}

// closedWrite is what a write gets after Close.
func closedWrite(k kind) error {
	if k.Pipe {
		return unix.EPIPE
	}
	return muxtest.RefusedWrite
}

// wantClosed wants that every method says that m is closed.
func wantClosed(t testing.TB, m *iomux.Mux) {
	t.Helper()
	for _, ctx := range []context.Context{context.Background(), canceled()} {
		d, err := m.ReadContext(ctx)
		if !errors.Is(err, os.ErrClosed) || d.Data != nil {
			t.Errorf("ReadContext: %q, %v", d.Data, err)
		}
	}
	_, readErr := m.Read()
	_, ok, tryErr := m.TryRead()
	f, untaggedErr := m.MakeSender()
	g, taggedErr := m.MakeTaggedSender("x")
	var allErr, outputErr error
	for _, allErr = range m.All(context.Background()) {
	}
	for _, outputErr = range m.Output(exec.Command("true")) {
	}
	for name, err := range map[string]error{
		"Read": readErr, "TryRead": tryErr, "MakeSender": untaggedErr, "MakeTaggedSender": taggedErr, "All": allErr, "Output": outputErr,
	} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s after Close: %v, want os.ErrClosed", name, err)
		}
	}
	if ok || f != nil || g != nil {
		t.Error("something came after Close")
	}
	if err := m.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
}

func TestCloseBefore(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		wantClosed(t, m)
	})
}

func TestCloseAfterEnd(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		must(m.MakeSender()).Close()
		waitEnd(t, m)
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		wantClosed(t, m)
	})
}

// What was not read is lost, also what had been received already.
func TestCloseUnread(t *testing.T) {
	for reads := range 3 {
		forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
			f, g, h := newSender(t, m, "f"), newSender(t, m, "g"), newSender(t, m, "h")
			send(t, f, "1")
			send(t, g, "2")
			send(t, h, "3")
			g.Close()
			for i := range reads {
				wantRead(t, m, "fg"[i:i+1], "12"[i:i+1])
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
			wantClosed(t, m)
		})
	}
}

// Close leaves the senders to their holder, whose writes fail.
func TestCloseLeavesSenders(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		f := must(m.MakeTaggedSender("x"))
		send(t, f, "data")
		m.Close()
		want := closedWrite(k)
		for range 3 {
			if n, err := f.WriteString("more"); n != 0 || !errors.Is(err, want) {
				t.Errorf("write after Close: %d, %v, want %v", n, err, want)
			}
			if want == unix.ECONNREFUSED {
				want = unix.ENOTCONN // the first refusal disconnects
			}
		}
		if err := f.Close(); err != nil {
			t.Errorf("close of the sender: %v", err)
		}
	})
}

func TestCloseWakesRead(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, _ *iomux.Mux) {
		for i := range rounds(70) {
			m := must(k.Make(t))
			if i%2 == 0 {
				defer must(m.MakeSender()).Close()
			}
			ctx, cancel := context.WithCancel(context.Background())
			first := inBackground(func() error { _, err := m.Read(); return err })
			second := inBackground(func() error { _, err := m.ReadContext(ctx); return err })
			for range i % 5 {
				runtime.Gosched()
			}
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
			for _, ended := range []<-chan error{first, second} {
				if err := <-ended; !errors.Is(err, os.ErrClosed) {
					t.Fatal(err)
				}
			}
			cancel()
		}
	})
}

func TestCloseWakesWriters(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		var writers []<-chan error
		for range 3 {
			f := newSender(t, m, "x")
			writers = append(writers, inBackground(func() error {
				for {
					if _, err := f.WriteString("more"); err != nil {
						return err
					}
				}
			}))
		}
		wantRead(t, m, "x", "more")
		f := newSender(t, m, "y")
		if !k.Pipe {
			stopped(t, f, k)
		}
		m.Close()
		for _, w := range writers {
			if err := <-w; !errors.Is(err, closedWrite(k)) {
				t.Errorf("a writer got %v, want %v", err, closedWrite(k))
			}
		}
	})
}

func TestCloseWakesChild(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		f := newSender(t, m, "x")
		cmd := childCommand("writeToEnd")
		cmd.Stdout, cmd.Stderr = f, os.Stderr
		wait := start(t, cmd)
		for range 30 {
			wantRead(t, m, "x", "more")
		}
		stopped(t, f, k)
		f.Close()
		m.Close()
		var exit *exec.ExitError
		if err := wait(); !errors.As(err, &exit) {
			t.Fatal(err)
		}
		status := exit.Sys().(syscall.WaitStatus)
		piped := closedWrite(k) == unix.EPIPE
		if piped && status.Signal() != unix.SIGPIPE || !piped && status.ExitStatus() != int(unix.ECONNREFUSED) {
			t.Errorf("the child ended with %v", exit)
		}
	})
}

// Everything at once.
func TestCloseBesideAll(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, _ *iomux.Mux) {
		for range rounds(50) {
			m := must(k.Make(t))
			var wg sync.WaitGroup
			for _, f := range []func() error{
				func() error { _, err := m.Read(); return err },
				func() error { _, err := m.ReadContext(canceled()); return err },
				func() error { _, _, err := m.TryRead(); return err },
				m.Close,
				m.Close,
				func() error {
					f, err := m.MakeSender()
					if err != nil {
						return err
					}
					_, err = f.WriteString("data")
					f.Close()
					if errors.Is(err, closedWrite(k)) {
						return nil
					}
					return err
				},
			} {
				wg.Add(1)
				go func() {
					defer wg.Done()
					for range rand.IntN(3) {
						runtime.Gosched()
					}
					if err := f(); err != nil && err != io.EOF && err != context.Canceled && !errors.Is(err, os.ErrClosed) {
						t.Error(err)
					}
				}()
			}
			wg.Wait()
			wantClosed(t, m)
		}
	})
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// Who comes with a context that has ended reads nothing.
func TestCancelBefore(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		past, stop := context.WithDeadline(context.Background(), time.Unix(1, 0))
		defer stop()
		f := must(m.MakeTaggedSender("x"))
		for range 100 {
			send(t, f, "data")
			if d, err := m.ReadContext(canceled()); err != context.Canceled || d.Data != nil {
				t.Fatalf("got %q, %v", d.Data, err)
			}
			if d, err := m.ReadContext(past); err != context.DeadlineExceeded || d.Data != nil {
				t.Fatalf("got %q, %v", d.Data, err)
			}
			wantRead(t, m, "x", "data")
		}
		f.Close()
		if _, err := m.ReadContext(canceled()); err != context.Canceled {
			t.Errorf("at the end: %v", err)
		}
		waitEnd(t, m)
	})
}

func TestDeadline(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		f := newSender(t, m, "x")
		for range rounds(20) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(2000))*time.Microsecond)
			if _, err := m.ReadContext(ctx); err != context.DeadlineExceeded || !errors.Is(ctx.Err(), err) {
				t.Fatal(err)
			}
			cancel()
			send(t, f, "data")
			wantRead(t, m, "x", "data") // no deadline is left
			wantNothing(t, m)
		}
		// Whichever is first.
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		time.AfterFunc(time.Millisecond, cancel)
		if _, err := m.ReadContext(ctx); err != context.Canceled {
			t.Error(err)
		}
	})
}

// Cancel and data at the same time: either comes, and no data is lost, and the
// next read knows nothing of the cancel.
func TestCancelBesideData(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		f := newSender(t, m, "x")
		sent, canceled := make(chan int), make(chan context.CancelFunc)
		defer close(sent)
		defer close(canceled)
		go func() {
			for i := range sent {
				f.WriteString(strconv.Itoa(i))
			}
		}()
		go func() {
			for cancel := range canceled {
				cancel()
			}
		}()
		early := 0
		for i := range rounds(500) {
			ctx, cancel := context.WithCancel(context.Background())
			if i%2 == 0 {
				sent <- i
				canceled <- cancel
			} else {
				canceled <- cancel
				sent <- i
			}
			d, err := m.ReadContext(ctx)
			if err == context.Canceled {
				early++
				d, err = m.Read()
			}
			if err != nil || string(d.Data) != strconv.Itoa(i) {
				t.Fatalf("round %d: got %q, %v", i, d.Data, err)
			}
		}
		t.Logf("canceled before the data: %d", early)
	})
}

// Cancel wakes a reader that nothing else would wake, each time.
func TestCancelWakes(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		newSender(t, m, "x")
		for i := range rounds(500) {
			ctx, cancel := context.WithCancel(context.Background())
			ended := inBackground(func() error { _, err := m.ReadContext(ctx); return err })
			for range i % 5 {
				runtime.Gosched()
			}
			cancel()
			if err := <-ended; err != context.Canceled {
				t.Fatal(err)
			}
		}
	})
}

// Of those who wait for their turn each is woken by its own cancel only.
func TestCancelTurn(t *testing.T) {
	const readers = 4
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		f := newSender(t, m, "x")
		for range rounds(60) {
			var cancels [readers]context.CancelFunc
			var ended [readers]<-chan error
			for i := range readers {
				ctx, cancel := context.WithCancel(context.Background())
				cancels[i] = cancel
				ended[i] = inBackground(func() error { _, err := m.ReadContext(ctx); return err })
			}
			runtime.Gosched()
			order := rand.Perm(readers)
			for _, i := range order[1:] {
				cancels[i]()
				if err := <-ended[i]; err != context.Canceled {
					t.Fatal(err)
				}
			}
			send(t, f, "data")
			if err := <-ended[order[0]]; err != nil {
				t.Fatal(err)
			}
			cancels[order[0]]()
		}
	})
}

// An ended context does not hide the end of output from the next read, nor does
// the end leave a canceled reader waiting.
func TestCancelBesideEnd(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		for range rounds(80) {
			f := must(m.MakeSender())
			ctx, cancel := context.WithCancel(context.Background())
			ended := inBackground(func() error { _, err := m.ReadContext(ctx); return err })
			go cancel()
			f.Close()
			if err := <-ended; err != io.EOF && err != context.Canceled {
				t.Fatal(err)
			}
			waitEnd(t, m)
		}
	})
}

// The cancel of one read, when it comes late, does not touch the next.
func TestLateCancel(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		f := newSender(t, m, "x")
		for i := range rounds(200) {
			ctx, cancel := context.WithCancel(context.Background())
			first := inBackground(func() error { _, err := m.ReadContext(ctx); return err })
			runtime.Gosched()
			send(t, f, "first")
			go cancel()
			if err := <-first; err == context.Canceled {
				wantRead(t, m, "x", "first")
			} else if err != nil {
				t.Fatal(err)
			}
			second, stop := context.WithCancel(context.Background())
			next := inBackground(func() error { _, err := m.ReadContext(second); return err })
			runtime.Gosched()
			send(t, f, strconv.Itoa(i))
			if err := <-next; err != nil {
				t.Fatalf("the second read: %v", err)
			}
			stop()
			cancel()
		}
	})
}

// A read that returns together with Close has its data, or an error: the memory of the
// data is not given back before.
func TestReadBesideClose(t *testing.T) {
	watch(t)
	leakCheck(t)
	reads, wrong := 0, 0
	for i := range 4000 {
		m := must(iomux.New())
		f := must(m.MakeSender())
		for range 8 {
			f.WriteString("data")
		}
		var start atomic.Bool
		done := inBackground(func() (ended bool) {
			for !start.Load() {
				runtime.Gosched()
			}
			for {
				d, err := m.Read()
				if err != nil {
					return errors.Is(err, os.ErrClosed)
				}
				reads++
				if string(d.Data) != "data" {
					wrong++
				}
			}
		})
		time.Sleep(time.Microsecond) // it is there
		start.Store(true)
		for begin := time.Now(); time.Since(begin) < time.Duration(i%50)*100*time.Nanosecond; {
		}
		m.Close()
		if !<-done {
			t.Fatal("another error than that of a closed Mux")
		}
		f.Close()
	}
	// Close may come after Read and before the test has looked.
	if t.Logf("%d of %d reads have something else", wrong, reads); wrong > 5 {
		t.Error("too many")
	}
}
