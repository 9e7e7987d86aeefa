//go:build linux || (unix && experimental_unix)

package iomux_test

import (
	"os"
	"runtime"
	"testing"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
)

// counts are what may not grow.
type counts struct{ files, goroutines int }

func countAll() counts { return counts{len(openFiles()), runtime.NumGoroutine()} }

// wantNoGrowth compares with what there was.
func wantNoGrowth(t *testing.T, before counts) {
	t.Helper()
	muxtest.AwaitGoroutines(before.goroutines)
	if now := countAll(); now.files > before.files || now.goroutines > before.goroutines {
		t.Fatalf("there are %+v, were %+v: %v", now, before, openFiles())
	}
}

// Senders that come and go, with what they wrote read each time.
func TestSendersComeAndGo(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		before := countAll()
		for range rounds(1000) {
			f := must(m.MakeTaggedSender("x"))
			send(t, f, "data")
			f.Close()
			wantRead(t, m, "x", "data")
		}
		waitEnd(t, m)
		wantNoGrowth(t, before)
		if n := m.Rows(); n != 0 {
			t.Errorf("%d senders are remembered", n)
		}
	})
}

// Senders that come and go while nobody reads, and while another stays open.
func TestSendersComeAndGoUnread(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		stays := must(m.MakeTaggedSender("stays"))
		before := countAll()
		for range rounds(1000) {
			must(m.MakeSender()).Close()
			if n := m.Rows(); n > 4 {
				t.Fatalf("%d senders are remembered, 1 is open", n)
			}
		}
		send(t, stays, "data") // from here on the queue is not empty
		for range 100 {
			must(m.MakeSender()).Close()
		}
		wantRead(t, m, "stays", "data")
		wantNothing(t, m)
		wantNoGrowth(t, before)
		if n := m.Rows(); n != 1 {
			t.Errorf("%d senders are remembered, want 1", n)
		}
		stays.Close()
		waitEnd(t, m)
	})
}

// The same beside a reader that is waiting.
func TestSendersComeAndGoBesideReader(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		stays := must(m.MakeTaggedSender("stays"))
		before := countAll()
		read := inBackground(func() string { d, _ := m.Read(); return d.Tag })
		for range rounds(1000) {
			must(m.MakeSender()).Close()
		}
		send(t, stays, "data")
		if tag := <-read; tag != "stays" {
			t.Errorf("got %q", tag)
		}
		wantNothing(t, m)
		wantNoGrowth(t, before)
		if n := m.Rows(); n != 1 {
			t.Errorf("%d senders are remembered, want 1", n)
		}
		stays.Close()
		waitEnd(t, m)
	})
}

// What a sender wrote before it was closed keeps its tag, however many others
// come and go before it is read.
func TestClosedSenderKeepsTag(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		for range 20 {
			for _, tag := range []string{"a", "b", "c"} {
				f := must(m.MakeTaggedSender(tag))
				send(t, f, "data of "+tag)
				f.Close()
				must(m.MakeTaggedSender("nobody")).Close()
			}
			wantRead(t, m, "a", "data of a")
			must(m.MakeTaggedSender("nobody")).Close() // with b and c received already
			wantRead(t, m, "b", "data of b")
			wantTry(t, m, "c", "data of c")
			wantEnd(t, m)
		}
	})
}

func TestManyMuxes(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, _ *iomux.Mux) {
		before := countAll()
		var muxes []*iomux.Mux
		var senders []*os.File
		for range 60 {
			m := must(k.Make(t))
			f := must(m.MakeTaggedSender("x"))
			muxes, senders = append(muxes, m), append(senders, f)
			send(t, f, "data")
		}
		for i, m := range muxes {
			wantRead(t, m, "x", "data")
			if i%2 == 0 {
				m.Close()
			}
			senders[i].Close()
			if i%2 != 0 {
				waitEnd(t, m)
				m.Close()
			}
		}
		for range rounds(150) {
			must(k.Make(t)).Close()
		}
		wantNoGrowth(t, before)
	})
}
