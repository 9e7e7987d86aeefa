//go:build linux || (unix && experimental_unix)

package iomux_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/seed-5082a588/iomux"
	"golang.org/x/sys/unix"
)

// pattern gives n bytes in which no part is like another soon.
func pattern(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(b)
	return b
}

func TestSizes(t *testing.T) {
	sizes := []int{1, 2, 31, 32, 33, 4095, 4096, 4097, 65535, 65536, 65537, 212_960, 212_961, 1 << 20, 4 << 20, 4_263_615, 4_263_616}
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		f := newSender(t, m, "x")
		largest := largestWrite(t, k, f)
		for _, size := range append(sizes, largest-1, largest, 1) {
			if size > largest {
				continue
			}
			data := pattern(size)
			written := inBackground(func() error { _, err := f.Write(data); return err })
			readWrite(t, k, m, "x", data)
			if err := <-written; err != nil {
				t.Fatalf("write of %d bytes: %v", size, err)
			}
		}
	})
}

// Long and short messages, whole, wherever they stand in the queue.
func TestMixedSizes(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		a, b := newSender(t, m, "a"), newSender(t, m, "b")
		largest := largestWrite(t, k, a)
		var want [][]byte
		for i := range 120 {
			bits := 1 + rand.IntN(17)
			if i%30 == 15 {
				bits = 22
			}
			want = append(want, pattern(1+rand.IntN(min(largest, 1<<bits))))
		}
		written := inBackground(func() error {
			for i, data := range want {
				if _, err := []*os.File{a, b}[i%2].Write(data); err != nil {
					return err
				}
			}
			return nil
		})
		for i, data := range want {
			tag := []string{"a", "b"}[i%2]
			readWrite(t, k, m, tag, data)
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
	})
}

// Writes of no bytes are nothing, however many, before and after others and
// before the end.
func TestEmptyWrites(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		f := must(m.MakeTaggedSender("x"))
		written := inBackground(func() error {
			defer f.Close()
			for i := range 300 {
				if _, err := unix.Write(int(f.Fd()), nil); err != nil {
					return err
				}
				if i%100 == 50 {
					f.WriteString("something")
				}
			}
			return nil
		})
		for range 3 {
			wantRead(t, m, "x", "something")
		}
		waitEnd(t, m)
		if err := <-written; err != nil {
			t.Error(err)
		}
	})
}

func TestDataUntilNextRead(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		other := must(k.Make(t))
		defer other.Close()
		a, b, c := newSender(t, m, "a"), newSender(t, m, "b"), newSender(t, other, "c")
		for _, size := range []int{10, 4000, 4096, 100_000} {
			if k.Pipe {
				size = min(size, os.Getpagesize())
			}
			data, next := pattern(size), pattern(size)
			must(a.Write(data))
			must(b.Write(next))
			d, err := m.Read()
			if err != nil {
				t.Fatal(err)
			}
			must(a.Write(data)) // waits in the queue
			for range 3 {
				must(m.MakeTaggedSender("new")).Close()
				must(c.Write(data))
				must(other.Read())
			}
			runtime.GC()
			_ = append(d.Data, "may not reach what comes next"...)
			if !bytes.Equal(d.Data, data) {
				t.Fatalf("%d bytes have changed before the next read", size)
			}
			readWrite(t, k, m, "b", next)
			readWrite(t, k, m, "a", data)
		}
	})
}

// Data that was kept too long may change, but touching it does no harm.
func TestStaleData(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		var stale [][]byte
		touch := func() (sum int) {
			for _, b := range stale {
				for i := 0; i < len(b); i += 64 {
					sum += int(b[i])
					b[i]++
				}
			}
			return sum
		}
		for range 12 {
			m := must(k.Make(t))
			f := must(m.MakeSender())
			for _, size := range []int{1, 5000, 150_000, 40} {
				written := inBackground(func() error { _, err := f.Write(make([]byte, size)); return err })
				for got := 0; got < size; {
					d, err := m.Read()
					if err != nil {
						t.Fatal(err)
					}
					stale = append(stale, d.Data)
					got += len(d.Data)
				}
				<-written
				touch()
			}
			f.Close()
			waitEnd(t, m) // gives memory back
			touch()
			m.Close()
			touch()
		}
		runtime.GC()
		touch()
	})
}

func TestTryRead(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		wantNothing(t, m) // also before there is a sender
		f := must(m.MakeTaggedSender("x"))
		wantNothing(t, m)
		for range 100 {
			send(t, f, "a")
			wantTry(t, m, "x", "a")
			wantNothing(t, m)
		}
		send(t, f, "last")
		f.Close()
		wantTry(t, m, "x", "last")
		wantEnd(t, m)
	})
}

// TryRead does not wait for one who reads, and each piece comes to one of them.
func TestTryReadBesideRead(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		f := newSender(t, m, "x")
		for range rounds(40) {
			read := inBackground(func() error { _, err := m.Read(); return err })
			wantNothing(t, m)
			runtime.Gosched()
			wantNothing(t, m)
			for sent, came := false, false; !came; {
				if !sent {
					send(t, f, "a")
					sent = true
				}
				_, ok, err := m.TryRead()
				if err != nil {
					t.Fatal(err)
				}
				if ok { // before the other had its turn
					sent = false
				}
				select {
				case err := <-read:
					if err != nil || !sent {
						t.Fatalf("read out of nothing: %v", err)
					}
					came = true
				default:
				}
			}
			wantNothing(t, m)
		}
	})
}

func TestAll(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		f, g := must(m.MakeTaggedSender("f")), must(m.MakeTaggedSender("g"))
		send(t, f, "1")
		send(t, g, "2")
		for d, err := range m.All(context.Background()) {
			if err != nil || string(d.Data) != "1" {
				t.Fatalf("%q, %v", d.Data, err)
			}
			break
		}
		send(t, f, "3")
		f.Close()
		g.Close()
		var got []string
		for d, err := range m.All(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, d.Tag+string(d.Data))
		}
		if s := strings.Join(got, " "); s != "g2 f3" {
			t.Errorf("got %s", s)
		}
		for d, err := range m.All(context.Background()) {
			t.Errorf("after the end: %q, %v", d.Data, err)
		}
	})
}

// All gives its error once, and last.
func TestAllError(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		send(t, newSender(t, m, "x"), "data")
		for _, want := range []error{context.Canceled, os.ErrClosed} {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			var errs []error
			for d, err := range m.All(ctx) {
				errs = append(errs, err)
				cancel()
				if (err != nil) != (d.Data == nil) {
					t.Errorf("%q with %v", d.Data, err)
				}
			}
			if last := errs[len(errs)-1]; !errors.Is(last, want) {
				t.Errorf("got %v, want %v last", errs, want)
			}
			if len(errs) > 2 || len(errs) == 2 && errs[0] != nil {
				t.Errorf("got %v", errs)
			}
			m.Close()
		}
	})
}

// Many who read at once: each piece comes to one of them, in order.
func TestManyReaders(t *testing.T) {
	const pieces = 1500
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		f := must(m.MakeTaggedSender("x"))
		results := make(chan []int)
		for range 4 {
			go func() {
				var got []int
				for {
					d, err := m.Read()
					if err != nil {
						if err != io.EOF {
							t.Error(err)
						}
						results <- got
						return
					}
					got = append(got, len(d.Data)) // the bytes are the next reader's
				}
			}()
		}
		data := make([]byte, pieces)
		for n := range data {
			must(f.Write(data[:n+1]))
		}
		f.Close()
		seen := make(map[int]bool)
		for range 4 {
			last := 0
			for _, n := range <-results {
				if n <= last || seen[n] {
					t.Fatalf("piece %d after %d, seen before: %v", n, last, seen[n])
				}
				last, seen[n] = n, true
			}
		}
		if len(seen) != pieces {
			t.Errorf("%d pieces came, want %d", len(seen), pieces)
		}
	})
}

func TestReadAllocates(t *testing.T) {
	if raceDetector || portable {
		t.Skip("the race detector and the portable way may allocate")
	}
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		f := newSender(t, m, "x")
		for _, size := range []int{1, 100, 4096, 4097, 65536} {
			data := make([]byte, size)
			if k.Pipe && size > os.Getpagesize() {
				break
			}
			n := testing.AllocsPerRun(300, func() {
				f.Write(data)
				if _, err := m.Read(); err != nil {
					t.Fatal(err)
				}
			})
			if n != 0 {
				t.Errorf("%v allocations for each piece of %d bytes", n, size)
			}
		}
	})
}

// A loop of reads with one context that can be canceled allocates nothing, also
// when each read has to wait.
func TestWaitingReadAllocatesNothing(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		s := newSender(t, m, "s")
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
		if n := testing.AllocsPerRun(500, read); n >= 1 && !raceDetector && !portable {
			t.Errorf("%v allocations for each read", n)
		}
	})
}
