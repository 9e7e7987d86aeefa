package iomux_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/seed-5082a588/iomux"
	"golang.org/x/sys/unix"
)

func init() {
	children["manySenders"] = manySenders
	children["manyMuxes"] = manyMuxes
	children["writeNumbers"] = writeNumbers
}

// raiseLimit allows n descriptors, or as many as may be had, and gives how many.
func raiseLimit(n uint64) uint64 {
	var old unix.Rlimit
	must(0, unix.Getrlimit(unix.RLIMIT_NOFILE, &old))
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: max(n, old.Max)}) == nil {
		return n
	}
	n = min(n, old.Max)
	setLimit(n, old.Max)
	return n
}

// memory gives how many bytes live on the heap.
func memory() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// otherFiles is how many descriptors a child has that the test does not count.
const otherFiles = 40

// manySenders makes as many senders of one Mux as its second argument says, or as
// may be had. It hears each, and the end when all are closed. Then nothing is left.
func manySenders(args []string) int {
	initPoller()
	want := must(strconv.Atoi(args[1]))
	n := min(want, (int(raiseLimit(uint64(2*want+otherFiles)))-otherFiles)/2)
	m := must(muxOf(args[0], os.Getenv("TMPDIR")))
	defer m.Close()
	files, before := len(openFiles()), memory()
	senders := make([]*os.File, n)
	for i := range senders {
		f, err := m.MakeTaggedSender(strconv.Itoa(i))
		if err != nil {
			return checkFailed("sender %d: %v", i, err)
		}
		senders[i] = f
	}
	go func() {
		for i, f := range senders {
			fmt.Fprint(f, "from ", i)
		}
	}()
	for i := range senders {
		if d, err := m.Read(); err != nil || d.Tag != strconv.Itoa(i) || string(d.Data) != "from "+d.Tag {
			return checkFailed("sender %d: got %q %q, %v", i, d.Tag, d.Data, err)
		}
	}
	for i, f := range senders {
		if i%1000 == 0 {
			if _, ok, err := m.TryRead(); ok || err != nil {
				return checkFailed("with %d closed: %v, %v", i, ok, err)
			}
		}
		f.Close()
	}
	if _, err := m.Read(); err != io.EOF {
		return checkFailed("at the end: %v", err)
	}
	clear(senders)
	if now := len(openFiles()); now != files || m.Rows() != 0 {
		return checkFailed("%d descriptors, were %d; %d rows", now, files, m.Rows())
	}
	if now := memory(); now > before+uint64(n)*24 { // slice of senders included
		return checkFailed("%d bytes of memory, were %d", now, before)
	}
	if n < want {
		fmt.Println("allowed were", n)
	}
	return 0
}

func TestTenThousandSenders(t *testing.T) { runMany(t, "manySenders", 10_000) }

// runMany runs a child with so many of something, and logs if they were fewer.
// Kinds that differ only in how the Mux is made get a tenth of it.
func runMany(t *testing.T, child string, n int) {
	forKinds(t, func(t *testing.T, k kind, _ *iomux.Mux) {
		t.Setenv("TMPDIR", t.TempDir())
		n := n
		if k.name != "New" && !k.pipe {
			n /= 10
		}
		out, err := childCommand(child, k.name, strconv.Itoa(n)).CombinedOutput()
		if err != nil {
			t.Errorf("%v: %s", err, out)
		} else if len(out) > 0 {
			t.Logf("%s", out)
		}
	})
}

// manyMuxes makes as many Muxes as its second argument says, or as may be had, and
// has them all read and written to at the same time.
func manyMuxes(args []string) int {
	initPoller()
	want := must(strconv.Atoi(args[1]))
	const each = 8 // six at most, and a sender's two
	n := min(want, (int(raiseLimit(uint64(each*want+otherFiles)))-otherFiles)/each)
	files := len(openFiles())
	failed := make(chan error, n)
	var ready sync.WaitGroup
	ready.Add(n)
	for i := range n {
		m, err := muxOf(args[0], os.Getenv("TMPDIR"))
		if err != nil {
			return checkFailed("Mux %d: %v", i, err)
		}
		go func() {
			err := useMux(m, fmt.Sprint("of ", i), &ready)
			m.Close()
			failed <- err
		}()
	}
	for range n {
		if err := <-failed; err != nil {
			return checkFailed("%v", err)
		}
	}
	if now := len(openFiles()); now != files {
		return checkFailed("%d descriptors, were %d", now, files)
	}
	if n < want {
		fmt.Println("allowed were", n)
	}
	return 0
}

// useMux writes and reads once all others are ready to.
func useMux(m *iomux.Mux, tag string, ready *sync.WaitGroup) error {
	f, err := m.MakeTaggedSender(tag)
	ready.Done()
	if err != nil {
		return err
	}
	go func() {
		ready.Wait()
		for i := range 5 {
			fmt.Fprint(f, i)
		}
		f.Close()
	}()
	for i := range 5 {
		if d, err := m.Read(); err != nil || d.Tag != tag || string(d.Data) != strconv.Itoa(i) {
			return fmt.Errorf("%s: got %q of %q, %v, want %d", tag, d.Data, d.Tag, err, i)
		}
	}
	if _, err := m.Read(); err != io.EOF {
		return fmt.Errorf("%s at the end: %v", tag, err)
	}
	return nil
}

func TestThousandMuxes(t *testing.T) { runMany(t, "manyMuxes", 1000) }

// writeNumbers writes as many numbers as its argument says to its standard output.
func writeNumbers(args []string) int {
	b := make([]byte, 4)
	for i := range must(strconv.Atoi(args[0])) {
		binary.BigEndian.PutUint32(b, uint32(i))
		must(unix.Write(1, b))
	}
	return 0
}

// Fifty processes write numbers, a million together with IOMUX_STRESS=100: none is
// missing, none comes twice, and each comes after the one before.
func TestManyNumbers(t *testing.T) {
	const writers = 50
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		writes := rounds(200)
		tags := make(map[string]*uint32)
		for w := range writers {
			f := newSender(t, m, strconv.Itoa(w))
			tags[f.Name()] = new(uint32)
			cmd := childCommand("writeNumbers", strconv.Itoa(writes))
			cmd.Stdout, cmd.Stderr = f, os.Stderr
			start(t, cmd)
			f.Close()
		}
		for {
			d, err := m.Read()
			if err == io.EOF {
				break
			}
			if err != nil || len(d.Data) != 4 {
				t.Fatalf("got %q, %v", d.Data, err)
			}
			next := tags[d.Tag]
			if n := binary.BigEndian.Uint32(d.Data); n != *next {
				t.Fatalf("got %d of %q, want %d", n, d.Tag, *next)
			}
			*next++
		}
		for tag, n := range tags {
			if *n != uint32(writes) {
				t.Errorf("%d numbers of %q, want %d", *n, tag, writes)
			}
		}
	})
}
