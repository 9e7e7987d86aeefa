package iomux_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/bench/contender"
	"github.com/seed-5082a588/iomux/internal/muxtest"
	"golang.org/x/sys/unix"
)

func init() {
	otherWays = append(otherWays,
		way{name: "PeekReceive", make: func(_ testing.TB, senders int) (contender.Receiver, error) { return contender.NewPeek(senders) }},
		twoSenders("Poll200Pipes", func() (contender.Receiver, error) { return contender.NewPollPipes(200) }))
}

// The system calls of BenchmarkSetUp, and nothing else.
func BenchmarkSetUpBare(b *testing.B) {
	for _, bare := range []struct {
		name string
		run  func() error
	}{
		{"New", func() error { return contender.BareDirectory(os.TempDir()) }},
		{"NewAbstract", contender.BareAbstract},
		{"NewPipe", contender.BarePipes},
	} {
		b.Run(bare.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := bare.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func init() {
	children["bench-write"] = contender.Write
	children["bench-lines"] = benchLines
}

// A way is a way to receive what a child writes to so many senders.
type way struct {
	name string
	make func(tb testing.TB, senders int) (contender.Receiver, error)
	pipe bool // takes writes of any size
	two  bool // has two senders, whatever is asked for
}

// ways are the kinds of Mux, but for those that read as New does, and what one
// would use instead.
func ways() (all []way) {
	for _, k := range muxtest.Kinds {
		if k.Name == "NewIn" || k.Name == "NewAbstract" {
			continue
		}
		all = append(all, way{name: k.Name, pipe: k.Pipe, make: func(tb testing.TB, senders int) (contender.Receiver, error) {
			m, err := k.Make(tb)
			if err != nil {
				return nil, err
			}
			return contender.NewMux(m, senders)
		}})
	}
	return append(append(all, otherWays...),
		twoSenders("OnePipe", contender.NewSharedPipe), twoSenders("TwoPipes", contender.NewTwoPipes))
}

// twoSenders is a way by two pipes, or one that is both.
func twoSenders(name string, make func() (contender.Receiver, error)) way {
	return way{name: name, pipe: true, two: true, make: func(testing.TB, int) (contender.Receiver, error) { return make() }}
}

// otherWays are those that the system adds.
var otherWays []way

var benchSizes = []struct {
	name string
	size int
}{
	{"64B", 64}, {"4KiB", 4 << 10}, {"64KiB", 64 << 10}, {"1MiB", 1 << 20}, {"4MB", 4_263_616},
}

// Writes of a child to two senders in turn, by size. One operation is one write.
func BenchmarkRead(b *testing.B) {
	for _, w := range ways() {
		for _, s := range benchSizes {
			b.Run(w.name+"/"+s.name, func(b *testing.B) {
				if !w.pipe && !datagramAllowed(s.size) {
					b.Skipf("a datagram of %d bytes is not allowed here", s.size)
				}
				b.SetBytes(int64(s.size))
				benchReceive(b, w, 2, contender.Load{Writes: b.N, Size: s.size, Senders: 2})
			})
		}
	}
}

// Senders that are open, of which a child writes to two.
func BenchmarkOpenSenders(b *testing.B) {
	for _, w := range ways() {
		if w.two {
			continue
		}
		for _, n := range []int{2, 2000} {
			b.Run(fmt.Sprint(w.name, "/", n), func(b *testing.B) {
				benchReceive(b, w, n, contender.Load{Writes: b.N, Size: 64, Senders: 2})
			})
		}
	}
}

// A child writes 64 bytes and waits for an answer on its standard input.
func BenchmarkPingPong(b *testing.B) {
	for _, w := range ways() {
		b.Run(w.name, func(b *testing.B) {
			benchReceive(b, w, 2, contender.Load{Writes: b.N, Size: 64, Senders: 1, Answer: true})
		})
	}
}

// A child writes a line every 10 ms: what it costs to wait.
func BenchmarkIdle(b *testing.B) {
	for _, w := range ways() {
		b.Run(w.name, func(b *testing.B) {
			benchReceive(b, w, 2, contender.Load{Writes: b.N, Size: 64, Senders: 2, Pause: 10 * time.Millisecond})
		})
	}
}

func benchReceive(b *testing.B, w way, senders int, load contender.Load) {
	b.ReportAllocs()
	r, err := w.make(b, senders)
	if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ETOOMANYREFS) {
		b.Skip(err)
	}
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	cmd := childCommand("bench-write", load.Args()...)
	cmd.Env = append(cmd.Env, contender.WriterEnv)
	run, err := contender.Start(r, cmd, load)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	res, err := run.Receive()
	b.StopTimer()
	if err := errors.Join(err, run.Wait()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(res.CPU.Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// datagramAllowed tells whether a sender can write so many bytes at once.
func datagramAllowed(size int) bool {
	m := must(iomux.New())
	defer m.Close()
	f := must(m.MakeSender())
	defer f.Close()
	_, err := f.Write(make([]byte, size))
	return err == nil
}

// Making a Mux and two senders and closing all.
func BenchmarkSetUp(b *testing.B) {
	for _, k := range muxtest.Kinds {
		if k.Name == "NewIn" { // New in another directory, which k.Make makes first
			continue
		}
		b.Run(k.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m, err := k.Make(b)
				if err != nil {
					b.Fatal(err)
				}
				out, errs := must(m.MakeTaggedSender(iomux.Stdout)), must(m.MakeTaggedSender(iomux.Stderr))
				out.Close()
				errs.Close()
				m.Close()
			}
		})
	}
}

// benchLines writes so many lines, 100 with each write.
func benchLines(args []string) int {
	var n int
	if _, err := fmt.Sscan(args[0], &n); err != nil {
		return 2
	}
	const line = "a line of output, as long as many of them are in a log\n"
	var block []byte
	for range 100 {
		block = append(block, line...)
	}
	for ; n > 0; n -= 100 {
		if _, err := os.Stdout.Write(block[:min(n, 100)*len(line)]); err != nil {
			return 1
		}
	}
	return 0
}

// Lines of a child that writes a hundred at once. One operation is one line.
func BenchmarkLines(b *testing.B) {
	b.ReportAllocs()
	m := must(iomux.New())
	defer m.Close()
	n := 0
	for d, err := range iomux.Lines(m.Output(childCommand("bench-lines", fmt.Sprint(b.N)))) {
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(d.Data)))
		n++
	}
	if n != b.N {
		b.Fatalf("%d lines, want %d", n, b.N)
	}
}

// A command that writes nothing, from start to end: by Output, and by os/exec
// with its two pipes.
func BenchmarkTrue(b *testing.B) {
	path, err := exec.LookPath("true")
	if err != nil {
		b.Skip(err)
	}
	b.Run("Output", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, err := range iomux.Output(exec.Command(path)) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("OsExec", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			cmd := exec.Command(path)
			cmd.Stdout, cmd.Stderr = struct{ io.Writer }{io.Discard}, struct{ io.Writer }{io.Discard}
			if err := cmd.Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
