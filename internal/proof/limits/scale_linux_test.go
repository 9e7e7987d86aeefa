package limits_test

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
	"github.com/seed-5082a588/iomux/internal/muxtest"
	"golang.org/x/sys/unix"
)

func init() {
	muxtest.Children["manySenders"] = manySenders
	muxtest.Children["manyMuxes"] = manyMuxes
	muxtest.Children["writeNumbers"] = writeNumbers
}

// raiseLimit allows n descriptors, or as many as may be had, and gives how many.
func raiseLimit(n uint64) uint64 {
	var old unix.Rlimit
	muxtest.Must(0, unix.Getrlimit(unix.RLIMIT_NOFILE, &old))
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: max(n, old.Max)}) == nil {
		return n
	}
	n = min(n, old.Max)
	muxtest.SetLimit(n, old.Max)
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
	muxtest.InitPoller()
	want := muxtest.Must(strconv.Atoi(args[1]))
	n := min(want, (int(raiseLimit(uint64(2*want+otherFiles)))-otherFiles)/2)
	m := muxtest.Must(muxtest.MuxOf(args[0], os.Getenv("TMPDIR")))
	defer m.Close()
	files, before := len(muxtest.OpenFiles()), memory()
	senders := make([]*os.File, n)
	for i := range senders {
		f, err := m.MakeTaggedSender(strconv.Itoa(i))
		if err != nil {
			return muxtest.CheckFailed("sender %d: %v", i, err)
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
			return muxtest.CheckFailed("sender %d: got %q %q, %v", i, d.Tag, d.Data, err)
		}
	}
	for i, f := range senders {
		if i%1000 == 0 {
			if _, ok, err := m.TryRead(); ok || err != nil {
				return muxtest.CheckFailed("with %d closed: %v, %v", i, ok, err)
			}
		}
		f.Close()
	}
	if _, err := m.Read(); err != io.EOF {
		return muxtest.CheckFailed("at the end: %v", err)
	}
	clear(senders)
	if now := len(muxtest.OpenFiles()); now != files {
		return muxtest.CheckFailed("%d descriptors, were %d", now, files)
	}
	if now := memory(); now > before+uint64(n)*24 { // slice of senders included
		return muxtest.CheckFailed("%d bytes of memory, were %d", now, before)
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
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, _ *iomux.Mux) {
		t.Setenv("TMPDIR", t.TempDir())
		n := n
		if k.Name != "New" && !k.Pipe {
			n /= 10
		}
		out, err := muxtest.Child(child, k.Name, strconv.Itoa(n)).CombinedOutput()
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
	muxtest.InitPoller()
	want := muxtest.Must(strconv.Atoi(args[1]))
	const each = 8 // six at most, and a sender's two
	n := min(want, (int(raiseLimit(uint64(each*want+otherFiles)))-otherFiles)/each)
	files := len(muxtest.OpenFiles())
	failed := make(chan error, n)
	var ready sync.WaitGroup
	ready.Add(n)
	for i := range n {
		m, err := muxtest.MuxOf(args[0], os.Getenv("TMPDIR"))
		if err != nil {
			return muxtest.CheckFailed("Mux %d: %v", i, err)
		}
		go func() {
			err := useMux(m, fmt.Sprint("of ", i), &ready)
			m.Close()
			failed <- err
		}()
	}
	for range n {
		if err := <-failed; err != nil {
			return muxtest.CheckFailed("%v", err)
		}
	}
	if now := len(muxtest.OpenFiles()); now != files {
		return muxtest.CheckFailed("%d descriptors, were %d", now, files)
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
	for i := range muxtest.Must(strconv.Atoi(args[0])) {
		binary.BigEndian.PutUint32(b, uint32(i))
		muxtest.Must(unix.Write(1, b))
	}
	return 0
}

// Fifty processes write numbers, a million together with IOMUX_STRESS=100: none is
// missing, none comes twice, and each comes after the one before.
func TestManyNumbers(t *testing.T) {
	const writers = 50
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		writes := muxtest.Rounds(200)
		tags := make(map[string]*uint32)
		for w := range writers {
			f := muxtest.NewSender(t, m, strconv.Itoa(w))
			tags[f.Name()] = new(uint32)
			cmd := muxtest.Child("writeNumbers", strconv.Itoa(writes))
			cmd.Stdout, cmd.Stderr = f, os.Stderr
			muxtest.Start(t, cmd)
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
