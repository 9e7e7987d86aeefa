//go:build linux || (unix && experimental_unix)

package iomux_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux"
)

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
		for i := range rounds(1500) {
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
		for i := range rounds(1500) {
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
		for range rounds(150) {
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
		for range rounds(200) {
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
		for i := range rounds(500) {
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
