//go:build linux || (unix && experimental_unix)

package iomux_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
	"golang.org/x/sys/unix"
)

func init() {
	children["listFiles"] = func([]string) int {
		fmt.Println(strings.Join(openFiles(), "\n"))
		return 0
	}
}

func TestTags(t *testing.T) {
	tags := []string{
		"", "out", "a/b/../c", "/", "\x00", "a\x00b", "@", "not UTF-8: \xff", "iomux sender", "%s%n",
		strings.Repeat("x", 1000), strings.Repeat("x", 1000) + "y", "same", "same",
	}
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		untagged := must(m.MakeSender())
		defer untagged.Close()
		if untagged.Name() == "" {
			t.Error("an untagged sender has no name")
		}
		for i, tag := range tags {
			f := newSender(t, m, tag)
			if name := f.Name(); name != tag && tag != "" {
				t.Errorf("Name is %.40q, want %.40q", name, tag)
			}
			send(t, f, strconv.Itoa(i))
			wantRead(t, m, tag, strconv.Itoa(i))
			send(t, untagged, "untagged")
			wantRead(t, m, "", "untagged")
		}
	})
}

func TestSenderMode(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		f := newSender(t, m, "x")
		for range 2 { // Fd must not change it
			flags := must(unix.FcntlInt(f.Fd(), unix.F_GETFL, 0))
			if flags&unix.O_NONBLOCK != 0 {
				t.Error("the sender is nonblocking: children would lose output")
			}
			if flags := must(unix.FcntlInt(f.Fd(), unix.F_GETFD, 0)); flags&unix.FD_CLOEXEC == 0 {
				t.Error("the sender is not closed on exec")
			}
			must(unix.Write(int(f.Fd()), []byte("by number")))
			wantRead(t, m, "x", "by number")
		}
	})
}

// A child gets the senders that it is given, and nothing else of the Mux.
func TestNothingInherited(t *testing.T) {
	if len(openFiles()) == 0 {
		t.Skip("the system does not tell the descriptors of a process")
	}
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		newSender(t, m, "x")
		bare := must(childCommand("listFiles").Output())
		m.Close()
		if without := must(childCommand("listFiles").Output()); strings.Count(string(bare), "\n") != strings.Count(string(without), "\n") {
			t.Errorf("the child has %q, without a Mux %q", bare, without)
		}
	})
}

func TestSendersOfChild(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		tags := []string{"stdout", "stderr", "three", "four"}
		var files []*os.File
		for _, tag := range tags {
			files = append(files, newSender(t, m, tag))
		}
		cmd := childCommand("say", "1", "2", "3", "4")
		cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = files[0], files[1], files[2:]
		wait := start(t, cmd)
		for _, f := range files {
			f.Close()
		}
		for round := range 2 {
			for i, tag := range tags {
				wantRead(t, m, tag, fmt.Sprintf("%d %d nonblock=false\n", round, i+1))
			}
		}
		waitEnd(t, m)
		if err := wait(); err != nil {
			t.Error(err)
		}
	})
}

// The same sender as both outputs of a child, as for 2>&1.
func TestOneSenderTwice(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		f := newSender(t, m, "both")
		cmd := childCommand("say", "1", "2")
		cmd.Stdout, cmd.Stderr = f, f
		start(t, cmd)
		f.Close()
		for _, want := range []string{"0 1", "0 2", "1 1", "1 2"} {
			wantRead(t, m, "both", want+" nonblock=false\n")
		}
		waitEnd(t, m)
	})
}

// Goroutines that write at once, each to a sender of its own and to one that all
// have.
func TestManyWriters(t *testing.T) {
	const writers, writes = 8, 150
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		common := must(m.MakeTaggedSender("common"))
		var wg sync.WaitGroup
		for w := range writers {
			own := must(m.MakeTaggedSender(strconv.Itoa(w)))
			wg.Add(1)
			go func() {
				defer wg.Done()
				defer own.Close()
				for i := range writes {
					f := own
					if i%3 == 0 {
						f = common
					}
					if _, err := f.Write(binary.BigEndian.AppendUint32([]byte{byte(w)}, uint32(i))); err != nil {
						t.Error(err)
						return
					}
				}
			}()
		}
		go func() {
			wg.Wait()
			common.Close()
		}()
		var next [writers]uint32
		for {
			d, err := m.Read()
			if err == io.EOF {
				break
			}
			if err != nil || len(d.Data) != 5 {
				t.Fatalf("read %q, %v", d.Data, err)
			}
			w, i := d.Data[0], binary.BigEndian.Uint32(d.Data[1:])
			if i != next[w] || (d.Tag == "common") != (i%3 == 0) {
				t.Fatalf("write %d of %d came from %q, want write %d", i, w, d.Tag, next[w])
			}
			next[w]++
		}
		for w, n := range next {
			if n != writes {
				t.Errorf("%d writes of %d, want %d", n, w, writes)
			}
		}
	})
}

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
		for range rounds(400) {
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
		for range rounds(400) {
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

// Senders that come and go while messages of others lie in the queue are not remembered,
// and those whose messages these are do not lose them.
func TestSendersComeAndGoQueued(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		if k.Pipe || portable {
			t.Skip("a pipe stays as long as something is in it; the portable way cannot tell")
		}
		stays := newSender(t, m, "stays")
		send(t, stays, "first")
		for i := range 4 {
			f := must(m.MakeTaggedSender(strconv.Itoa(i)))
			send(t, f, strings.Repeat("x", i*3000))
			unix.Send(int(f.Fd()), nil, 0)
			f.Close()
		}
		send(t, stays, "last")
		for range 3000 {
			must(m.MakeSender()).Close()
			if n := m.Rows(); n > 300 {
				t.Fatalf("%d senders are remembered", n)
			}
		}
		wantRead(t, m, "stays", "first")
		for i := 1; i < 4; i++ {
			wantRead(t, m, strconv.Itoa(i), strings.Repeat("x", i*3000))
		}
		wantRead(t, m, "stays", "last")
		wantNothing(t, m)
		if n := m.Rows(); n != 1 {
			t.Errorf("%d senders are remembered, want 1", n)
		}
	})
}

// The same beside a reader that is waiting.
func TestSendersComeAndGoBesideReader(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		stays := must(m.MakeTaggedSender("stays"))
		before := countAll()
		read := inBackground(func() string { d, _ := m.Read(); return d.Tag })
		for range rounds(400) {
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
		for range rounds(60) {
			must(k.Make(t)).Close()
		}
		wantNoGrowth(t, before)
	})
}

// A Mux that is dropped without Close gives its descriptors back.
func TestDroppedMux(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, _ *iomux.Mux) {
		before := len(openFiles())
		func() {
			m, err := k.Make(t)
			if err != nil {
				t.Fatal(err)
			}
			newSender(t, m, "s")
		}()
		wantCleanedUp(t, before+1) // the sender
	})
}

// wantCleanedUp wants so few descriptors once what was dropped is cleaned up.
func wantCleanedUp(t *testing.T, most int) {
	t.Helper()
	for range 500 {
		runtime.GC()
		if len(openFiles()) <= most {
			return
		}
		time.Sleep(10 * time.Millisecond) // the cleanup runs in a goroutine
	}
	t.Errorf("there are %v, want %d", openFiles(), most)
}
