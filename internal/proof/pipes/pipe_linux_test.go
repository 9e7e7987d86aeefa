package pipes_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
	"golang.org/x/sys/unix"
)

func init() {
	children["run-token"] = tokenWriter
	children["run-grow"] = growingWriter
	children["run-nonblock"] = nonblockingWriter
	children["run-every-10ms"] = slowWriter
	children["run-sendfile"] = sendfileWriter
	children["run-one-cpu"] = oneCPU
	children["run-few-descriptors"] = pipesWithFewDescriptors
	children["run-few-pages"] = fewPages
	children["run-refused"] = refusedPipes
}

// readSoon is Read for a test of wake-ups: one that is lost is told within
// seconds.
func readSoon(t testing.TB, m *iomux.Mux) (iomux.TaggedData, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	d, err := m.ReadContext(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		t.Fatal("nothing came, or nobody was told")
	}
	return d, err
}

// startWith starts cmd, closes the senders here, and waits for it at the end of the
// test.
func startWith(t testing.TB, cmd *exec.Cmd, senders ...*os.File) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, s := range senders {
		s.Close()
	}
	t.Cleanup(func() {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v", cmd.Args[1:], err)
		}
	})
}

// runsAs runs a child of this test and fails with what it says.
func runsAs(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	muxtest.NeedPipes(t)
	watch(t)
	out, err := cmd.CombinedOutput()
	if bytes.HasPrefix(out, []byte("skip: ")) {
		t.Skipf("%s", out)
	}
	if err != nil || len(out) > 0 {
		t.Errorf("%v: %v\n%s", cmd.Args[1:], err, out)
	}
}

func TestPipeSizes(t *testing.T) {
	page := os.Getpagesize()
	for _, size := range []int{1, 2, page - 1, page, page + 1, 2 * page, 64 << 10, 1<<20 + 1} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			m := muxtest.NewPipeMux(t)
			s := must(m.MakeTaggedSender("s"))
			all := make([]byte, size)
			for i := range all {
				all[i] = byte(i * 7 >> 3)
			}
			go func() {
				s.Write(all)
				s.Close()
			}()
			var got []byte
			for d, err := range m.All(context.Background()) {
				if err != nil || d.Tag != "s" || len(d.Data) == 0 || len(d.Data) > page || size <= page && len(d.Data) != size {
					t.Fatalf("%d bytes of %q, %v", len(d.Data), d.Tag, err)
				}
				got = append(got, d.Data...)
			}
			if !bytes.Equal(got, all) {
				t.Errorf("%d bytes came out, not the %d that went in", len(got), size)
			}
		})
	}
}

// One writer, many senders: strictly one write after another, in bursts on one
// sender and alternating.
func TestPipeOrderOfSenders(t *testing.T) {
	writes := rounds(50_000)
	m := muxtest.NewPipeMux(t)
	var senders []*os.File
	for i := range 9 {
		senders = append(senders, must(m.MakeTaggedSender(strconv.Itoa(i))))
	}
	choose := func(r *rand.Rand, i int) int {
		if i/100%2 == 0 {
			return i % len(senders)
		}
		return r.IntN(len(senders))
	}
	go func() {
		r := rand.New(rand.NewPCG(3, 4))
		for i := range writes {
			senders[choose(r, i)].WriteString(strconv.Itoa(i))
		}
		for _, s := range senders {
			s.Close()
		}
	}()
	r := rand.New(rand.NewPCG(3, 4))
	for i := range writes {
		d, err := m.Read()
		if want := strconv.Itoa(choose(r, i)); err != nil || d.Tag != want || string(d.Data) != strconv.Itoa(i) {
			t.Fatalf("piece %d is %q of %q, %v, want one of %q", i, d.Data, d.Tag, err, want)
		}
	}
	if d, err := m.Read(); err != io.EOF {
		t.Errorf("at the end: %q, %v", d.Data, err)
	}
}

// tokenWriter is one of several that hand a token around: descriptor 3 is where
// it comes from, 4 where it goes. It is the number of the next write. Who has
// it writes some times, to its standard output and error by chance.
func tokenWriter(args []string) int {
	last := uint64(must(strconv.Atoi(args[0])))
	r := rand.New(rand.NewPCG(uint64(os.Getpid()), 5))
	var b [8]byte
	for {
		if n, _ := unix.Read(3, b[:]); n != 8 {
			return 1
		}
		number := binary.NativeEndian.Uint64(b[:])
		for range 1 << r.IntN(9) {
			if number < last {
				if _, err := unix.Write(1+r.IntN(2), b[:]); err != nil {
					return 2
				}
				number++
				binary.NativeEndian.PutUint64(b[:], number)
			}
		}
		unix.Write(4, b[:])
		if number >= last {
			return 0
		}
	}
}

// Several processes with two senders each, one write after another. This is the
// kernel's ready list at work: its order is not promised by any manual.
func TestPipeOrderOfProcesses(t *testing.T) {
	const processes = 3
	writes := rounds(60_000)
	m := muxtest.NewPipeMux(t)
	var in, out [processes]*os.File
	for i := range in {
		in[i], out[i] = must2(os.Pipe())
	}
	for i := range in {
		cmd := childCommand("run-token", strconv.Itoa(writes))
		cmd.ExtraFiles = []*os.File{in[i], out[(i+1)%processes]}
		o, e := must(m.MakeTaggedSender(strconv.Itoa(i))), must(m.MakeTaggedSender(strconv.Itoa(i)))
		cmd.Stdout, cmd.Stderr = o, e
		startWith(t, cmd, o, e)
	}
	out[0].Write(make([]byte, 8)) // the token
	for i := range in {
		in[i].Close()
		out[i].Close()
	}
	for i := range uint64(writes) {
		d, err := m.Read()
		if err != nil || len(d.Data) != 8 || binary.NativeEndian.Uint64(d.Data) != i {
			t.Fatalf("piece %d is %x of %q, %v", i, d.Data, d.Tag, err)
		}
	}
	if d, err := m.Read(); err != io.EOF {
		t.Errorf("at the end: %x, %v", d.Data, err)
	}
}

func TestPipeManyWriters(t *testing.T) {
	const writers = 50
	m := muxtest.NewPipeMux(t)
	cmd := childCommand("run-writers", strconv.Itoa(writers))
	s := must(m.MakeSender())
	cmd.Stdout = s
	startWith(t, cmd, s)
	var next [writers]int
	for d, err := range m.All(context.Background()) {
		if err != nil || len(d.Data) < 6 {
			t.Fatalf("%q, %v", d.Data, err)
		}
		w, i, n := d.Data[0], int(binary.BigEndian.Uint16(d.Data[1:])), int(binary.BigEndian.Uint16(d.Data[3:]))
		if i != next[w] || n != len(d.Data) || bytes.Count(d.Data[5:], d.Data[:1]) != n-5 {
			t.Fatalf("writer %d, piece %d of %d bytes, want piece %d; it has %d bytes", w, i, n, next[w], len(d.Data))
		}
		next[w]++
	}
	for w, n := range next {
		if n != muxtest.PerWriter {
			t.Errorf("writer %d: %d pieces", w, n)
		}
	}
}

// A child may make its pipe larger, at any moment. Two writes then lie behind
// one event; neither is forgotten. The pipe stays open until all is read, for
// its end would bring out what was.
func TestPipeGrownAnyMoment(t *testing.T) {
	m := muxtest.NewPipeMux(t)
	r := rand.New(rand.NewPCG(7, 8))
	for round := range rounds(5000) {
		s := must(m.MakeTaggedSender(strconv.Itoa(round)))
		at, writes, spin := r.IntN(4), 1+r.IntN(4), r.IntN(200)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range writes {
				if i == at {
					unix.FcntlInt(s.Fd(), unix.F_SETPIPE_SZ, 2<<i*os.Getpagesize())
				}
				s.Write([]byte{byte('0' + i)})
				for range spin {
					runtime.Gosched()
				}
			}
		}()
		for i := range writes {
			d, err := readSoon(t, m)
			if err != nil || d.Tag != s.Name() || string(d.Data) != string(rune('0'+i)) {
				t.Fatalf("round %d, %d writes, grown at %d: piece %d is %q of %q, %v", round, writes, at, i, d.Data, d.Tag, err)
			}
		}
		<-done
		s.Close()
	}
	if _, err := readSoon(t, m); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

// growingWriter changes the sizes of both its pipes all the time, never back to
// one page (which could hide that it was more), while it
// writes a number of lines to both, of which it waits to be told after each few.
func growingWriter(args []string) int {
	r := rand.New(rand.NewPCG(9, 10))
	page := os.Getpagesize()
	for i := range must(strconv.Atoi(args[0])) {
		for fd := 1; fd <= 2; fd++ {
			if r.IntN(3) == 0 {
				unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, page<<(1+r.IntN(4)))
			}
			fmt.Fprintf([]io.Writer{os.Stdout, os.Stderr}[fd-1], "%d\n", i)
		}
		if i%4 == 3 {
			if n, _ := os.Stdin.Read(make([]byte, 1)); n != 1 {
				return 1
			}
		}
	}
	return 0
}

func TestPipeChildChangesSize(t *testing.T) {
	const lines = 8000
	m := muxtest.NewPipeMux(t)
	cmd := childCommand("run-grow", strconv.Itoa(lines))
	in, ack := must2(os.Pipe())
	defer ack.Close()
	cmd.Stdin = in
	o, e := must(m.MakeTaggedSender(iomux.Stdout)), must(m.MakeTaggedSender(iomux.Stderr))
	cmd.Stdout, cmd.Stderr = o, e
	startWith(t, cmd, o, e, in)
	next := map[string]int{}
	for range 2 * lines {
		d, err := readSoon(t, m)
		if err != nil || string(d.Data) != fmt.Sprintln(next[d.Tag]) {
			t.Fatalf("%q of %s, %v, want %d", d.Data, d.Tag, err, next[d.Tag])
		}
		next[d.Tag]++
		if n := next[iomux.Stdout]; n == next[iomux.Stderr] && n%4 == 0 {
			ack.Write([]byte{0})
		}
	}
	if _, err := readSoon(t, m); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

// floodFrom writes to a sender without end, until the Mux is closed at the end of
// the test.
func floodFrom(t *testing.T, m *iomux.Mux, s *os.File, size int) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for b := make([]byte, size); ; {
			if _, err := s.Write(b); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		m.Close()
		<-ended
		s.Close()
	})
}

// heardAmong reads until one piece of the sender comes, however much the others
// write, and says something on reading the 100th piece.
func heardAmong(t *testing.T, m *iomux.Mux, sender string, say func()) string {
	for n := 0; n < 5000; n++ {
		if n == 100 {
			say()
		}
		d, err := readSoon(t, m)
		if err != nil {
			t.Fatal(err)
		}
		if d.Tag == sender {
			return string(d.Data)
		}
		time.Sleep(time.Microsecond) // the reader is the slow one
	}
	t.Fatalf("%s is not heard in 5,000 pieces of others", sender)
	return ""
}

// A child that has made its pipe larger, and writes without end, does not keep
// the other senders from being heard.
func TestPipeGrownIsFair(t *testing.T) {
	m := muxtest.NewPipeMux(t)
	loud, quiet := must(m.MakeTaggedSender("loud")), must(m.MakeTaggedSender("quiet"))
	defer quiet.Close()
	if _, err := unix.FcntlInt(loud.Fd(), unix.F_SETPIPE_SZ, 1<<20); err != nil {
		t.Skip(err) // an ordinary user with many pipes
	}
	floodFrom(t, m, loud, 64<<10)
	if got := heardAmong(t, m, "quiet", func() { quiet.WriteString("may I") }); got != "may I" {
		t.Errorf("got %q", got)
	}
}

// What lies behind one event in a pipe that was made larger is not forgotten
// while others write without end.
func TestPipeGrownBesideOthers(t *testing.T) {
	m := muxtest.NewPipeMux(t)
	s := must(m.MakeTaggedSender("s"))
	defer s.Close()
	for range 3 {
		floodFrom(t, m, must(m.MakeSender()), 1)
	}
	say := func() {
		s.WriteString("1")
		if _, err := unix.FcntlInt(s.Fd(), unix.F_SETPIPE_SZ, 8*os.Getpagesize()); err != nil {
			t.Skip(err)
		}
		s.WriteString("2")
		s.WriteString("3")
	}
	for _, want := range []string{"1", "2", "3"} {
		if got := heardAmong(t, m, "s", say); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
		say = func() {}
	}
}

// nonblockingWriter writes numbers to both its outputs in turn, in nonblocking
// mode as Node.js does: what is refused it writes once there is room.
func nonblockingWriter(args []string) int {
	unix.SetNonblock(1, true)
	unix.SetNonblock(2, true)
	for i := range must(strconv.Atoi(args[0])) {
		fd := 1 + i%2
		for {
			_, err := unix.Write(fd, strconv.AppendInt(nil, int64(i/2), 10))
			if err == nil {
				break
			}
			if err != unix.EAGAIN {
				return 1
			}
			unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
		}
	}
	return 0
}

// Each stream of such a child is complete and in order, with the guard and without.
// Where there is none, its small writes may come out as one piece.
func TestPipeNonblockingChild(t *testing.T) {
	const n = 5000
	var want []byte
	for i := range n {
		want = strconv.AppendInt(want, int64(i), 10)
	}
	for name, start := range map[string]func(*exec.Cmd) error{"auto": nil, "never": (*exec.Cmd).Start} {
		m := muxtest.NewPipeMux(t)
		got := map[string][]byte{}
		for d, err := range m.OutputWith(childCommand("run-nonblock", strconv.Itoa(2*n)), start) {
			if err != nil {
				t.Fatal(err)
			}
			got[d.Tag] = append(got[d.Tag], d.Data...)
		}
		for _, tag := range []string{iomux.Stdout, iomux.Stderr} {
			if !bytes.Equal(got[tag], want) {
				t.Errorf("%s: %d bytes of %s, want %d", name, len(got[tag]), tag, len(want))
			}
		}
	}
}

// sendfileWriter sends its standard input, a file, without writing: by
// sendfile(2) and splice(2) in turn.
func sendfileWriter([]string) int {
	for i := 0; ; i++ {
		var n int
		var err error
		if i%2 == 0 {
			n, err = unix.Sendfile(1, 0, nil, 10_000)
		} else {
			moved, failed := unix.Splice(0, nil, 1, nil, 30_000, 0)
			n, err = int(moved), failed // of a type that depends on the machine
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if n == 0 {
			return 0
		}
	}
}

func TestPipeSendfile(t *testing.T) {
	m := muxtest.NewPipeMux(t)
	all := make([]byte, 2<<20+17)
	rand.NewChaCha8([32]byte{1}).Read(all)
	name := t.TempDir() + "/file"
	if err := os.WriteFile(name, all, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := childCommand("run-sendfile")
	in := must(os.Open(name))
	defer in.Close()
	cmd.Stdin = in
	var got []byte
	for d, err := range m.Output(cmd) {
		if err != nil || d.Tag != iomux.Stdout {
			t.Fatalf("%s %q, %v", d.Tag, d.Data, err)
		}
		got = append(got, d.Data...)
	}
	if !bytes.Equal(got, all) {
		t.Errorf("%d bytes came out, not the %d that are in the file", len(got), len(all))
	}
}

// A pipe can be opened by its path. That descriptor is not in packet mode, so
// only what each stream says as a whole is sure.
func TestPipeByPath(t *testing.T) {
	m := muxtest.NewPipeMux(t)
	script := "echo a >/dev/stdout; echo b >/dev/stderr; echo c; echo d >&2; for i in 1 2 3; do echo $i >/dev/stderr; echo $i >/dev/stdout; done"
	got := map[string]string{}
	for d, err := range m.Output(shell(script)) {
		if err != nil {
			t.Fatal(err)
		}
		got[d.Tag] += string(d.Data)
	}
	if got[iomux.Stdout] != "a\nc\n1\n2\n3\n" || got[iomux.Stderr] != "b\nd\n1\n2\n3\n" {
		t.Errorf("got %q", got)
	}
}

func TestPipeTimeAndPID(t *testing.T) {
	m := muxtest.NewPipeMux(t)
	s := must(m.MakeSender())
	defer s.Close()
	for range 100 {
		before := time.Now()
		s.Write([]byte("x"))
		d, err := m.Read()
		if err != nil || d.PID != 0 || d.Time.Before(before) || d.Time.After(time.Now()) {
			t.Fatalf("PID %d, time %v, written after %v, %v", d.PID, d.Time, before, err)
		}
	}
}

// After Close a write raises SIGPIPE, as on any pipe.
func TestPipeClosedKillsWriter(t *testing.T) {
	m := muxtest.NewPipeMux(t)
	cmd := shell("while :; do echo x; done")
	for range m.Output(cmd) {
		break
	}
	if s := cmd.ProcessState.Sys().(syscall.WaitStatus); !s.Signaled() || s.Signal() != syscall.SIGPIPE {
		t.Errorf("the child ended with %v", cmd.ProcessState)
	}
	late := must(iomux.NewPipe())
	s := must(late.MakeSender())
	defer s.Close()
	late.Close()
	if _, err := s.Write([]byte("x")); !errors.Is(err, unix.EPIPE) {
		t.Errorf("a write in this process gives %v", err)
	}
}

// The end comes with the last copy of the pipe, whoever has that.
func TestPipeEnd(t *testing.T) {
	for name, script := range map[string]string{
		"child":      "echo a; read x; echo b",
		"grandchild": "exec 3<&0; (read x <&3; echo b) & echo a",
		"copy":       "exec 5>&1 1>&- 2>&-; echo a >&5; read x; echo b >&5",
		"stdin":      "exec 3<&0 <&1 >&- 2>/dev/null; echo a >&0; read x <&3; echo b >&0",
		"daemon":     "exec 3<&0; (setsid sh -c 'read x; echo b' <&3 3<&- &); echo a",
		"two":        "exec 3<&0; (echo a; exec 3<&-) & wait; (read x <&3; echo b >&2) >&- &",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath("setsid"); err != nil && name == "daemon" {
				t.Skip(err)
			}
			m := muxtest.NewPipeMux(t)
			cmd := shell(script)
			release := hold(t, cmd)
			o, e := must(m.MakeTaggedSender(iomux.Stdout)), must(m.MakeTaggedSender(iomux.Stderr))
			cmd.Stdout, cmd.Stderr = o, e
			startWith(t, cmd, o, e)
			if d, err := readSoon(t, m); err != nil || string(d.Data) != "a\n" {
				t.Fatalf("first %q, %v", d.Data, err)
			}
			for range 10 {
				if d, ok, err := m.TryRead(); ok || err != nil {
					t.Fatalf("while a copy is open: %q, %v", d.Data, err)
				}
				runtime.Gosched()
			}
			release()
			if d, err := readSoon(t, m); err != nil || string(d.Data) != "b\n" {
				t.Errorf("then %q, %v", d.Data, err)
			}
			if d, err := readSoon(t, m); err != io.EOF {
				t.Errorf("at the end %q, %v", d.Data, err)
			}
		})
	}
}

// All that a dead child has written is there, for TryRead too.
func TestPipeTryReadAfterExit(t *testing.T) {
	m := muxtest.NewPipeMux(t)
	for range 50 {
		o, e := must(m.MakeTaggedSender("o")), must(m.MakeTaggedSender("e"))
		cmd := shell("echo 1; echo 2 >&2")
		cmd.Stdout, cmd.Stderr = o, e
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		o.Close()
		e.Close()
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"1\n", "2\n"} {
			if d, ok, err := m.TryRead(); !ok || err != nil || string(d.Data) != want {
				t.Fatalf("got %q, %v, %v, want %q", d.Data, ok, err, want)
			}
		}
		if _, ok, err := m.TryRead(); ok || err != io.EOF {
			t.Fatalf("at the end: %v, %v", ok, err)
		}
	}
}

// What lies in a pipe that a child has made larger is found, also if another such
// pipe, with nothing in it, is found first.
func TestPipeTryReadEnlarged(t *testing.T) {
	m := muxtest.NewPipeMux(t)
	a, b := newSender(t, m, "a"), newSender(t, m, "b")
	for _, f := range []*os.File{a, b} {
		must(unix.FcntlInt(f.Fd(), unix.F_SETPIPE_SZ, 4*os.Getpagesize()))
	}
	send(t, b, "one")
	send(t, b, "two")
	wantTry(t, m, "b", "one")
	send(t, a, "three")
	wantTry(t, m, "a", "three")
	wantTry(t, m, "b", "two")
	wantNothing(t, m)
}

// A cancel before, during and after data loses nothing, and leaves nothing
// behind for the next read.
func TestPipeReadContext(t *testing.T) {
	m := muxtest.NewPipeMux(t)
	s := must(m.MakeSender())
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	r := rand.New(rand.NewPCG(11, 12))
	for i := range 3000 {
		if _, err := m.ReadContext(ended); err != context.Canceled {
			t.Fatalf("with an ended context: %v", err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancels, spin := r.IntN(2) == 0, r.IntN(50)
		go func() {
			for range spin {
				runtime.Gosched()
			}
			if cancels {
				cancel()
			}
			s.WriteString(strconv.Itoa(i))
		}()
		d, err := m.ReadContext(ctx)
		if cancels && err == context.Canceled {
			d, err = readSoon(t, m)
		}
		if err != nil || string(d.Data) != strconv.Itoa(i) {
			t.Fatalf("got %q, %v, want %d", d.Data, err, i)
		}
		cancel()
	}
	s.Close()
	if _, err := m.Read(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

// oneCPU is a program with GOMAXPROCS=1: it writes and reads.
func oneCPU([]string) int {
	m := must(iomux.NewPipe())
	a, b := must(m.MakeTaggedSender("a")), must(m.MakeTaggedSender("b"))
	go func() {
		for i := range 3000 {
			fmt.Fprint([]*os.File{a, b}[i%2], i)
		}
		a.Close()
		b.Close()
	}()
	i := 0
	for d, err := range m.All(context.Background()) {
		if err != nil || string(d.Data) != strconv.Itoa(i) {
			fmt.Printf("got %q, %v, want %d\n", d.Data, err, i)
			return 1
		}
		i++
	}
	if i != 3000 || runtime.GOMAXPROCS(0) != 1 {
		fmt.Println("got", i)
	}
	return 0
}

func TestPipeOneCPU(t *testing.T) {
	cmd := childCommand("run-one-cpu")
	cmd.Env = append(cmd.Env, "GOMAXPROCS=1")
	runsAs(t, cmd)
}

// slowWriter writes a line every 10 ms.
func slowWriter(args []string) int {
	for range must(strconv.Atoi(args[0])) {
		time.Sleep(10 * time.Millisecond)
		fmt.Println("a line")
	}
	return 0
}

// What polling costs when there is nothing to poll for: told, not judged, for
// the machine may be busy.
func TestPipeIdleCost(t *testing.T) {
	const lines = 50
	cost := func(m *iomux.Mux) (d time.Duration) {
		var before, after unix.Rusage
		unix.Getrusage(unix.RUSAGE_SELF, &before)
		n := 0
		for _, err := range m.Output(childCommand("run-every-10ms", strconv.Itoa(lines))) {
			if err != nil {
				t.Error(err)
			}
			n++
		}
		unix.Getrusage(unix.RUSAGE_SELF, &after)
		if n != lines {
			t.Errorf("%d lines, want %d", n, lines)
		}
		return time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	}
	procs := runtime.GOMAXPROCS(1) // makes a Mux that does not poll
	sleeping := muxtest.NewPipeMux(t)
	runtime.GOMAXPROCS(procs)
	polling := muxtest.NewPipeMux(t)
	t.Logf("CPU for %d lines, one every 10 ms: %v with polling, %v without", lines, cost(polling), cost(sleeping))
}

// countDescriptors needs none itself.
func countDescriptors() (n int) {
	for fd := range 256 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			n++
		}
	}
	return n
}

// pipesWithFewDescriptors makes Muxes and senders with each small number of free
// descriptors, and prints what is wrong.
func pipesWithFewDescriptors([]string) int {
	r, w := must2(os.Pipe()) // the runtime makes its poller
	r.Close()
	w.Close()
	var limit unix.Rlimit
	unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	limit.Cur = 48
	if err := syscall.Setrlimit(unix.RLIMIT_NOFILE, (*syscall.Rlimit)(&limit)); err != nil {
		fmt.Println("skip:", err)
		return 0
	}
	for free := range 16 {
		var fill []int
		for {
			fd, err := unix.Dup(0)
			if err != nil {
				break
			}
			fill = append(fill, fd)
		}
		for range free {
			unix.Close(fill[len(fill)-1])
			fill = fill[:len(fill)-1]
		}
		withDescriptors(free)
		for _, fd := range fill {
			unix.Close(fd)
		}
	}
	return 0
}

// pipeMuxDescriptors is how many NewPipe says a Mux holds, on more than one
// processor.
const pipeMuxDescriptors = 6

// withDescriptors makes a Mux and as many senders as can be had.
func withDescriptors(free int) {
	complain := func(format string, args ...any) { fmt.Printf("%d free: "+format+"\n", append([]any{free}, args...)...) }
	before := countDescriptors()
	m, err := iomux.NewPipe()
	if err != nil {
		if !errors.Is(err, unix.EMFILE) || countDescriptors() != before || free >= pipeMuxDescriptors {
			complain("NewPipe: %v, %d descriptors, were %d", err, countDescriptors(), before)
		}
		return
	}
	takes := countDescriptors() - before
	if takes > pipeMuxDescriptors {
		complain("a Mux takes %d descriptors", takes)
	}
	var senders []*os.File
	for {
		had := countDescriptors()
		s, err := m.MakeTaggedSender("s")
		if err != nil {
			if !errors.Is(err, unix.EMFILE) || countDescriptors() != had {
				complain("MakeTaggedSender: %v, %d descriptors, were %d", err, countDescriptors(), had)
			}
			break
		}
		senders = append(senders, s)
	}
	if want := (free - takes) / 2; len(senders) != want {
		complain("%d senders, want %d", len(senders), want)
	}
	for _, s := range senders {
		s.WriteString("x")
		if d, err := m.Read(); err != nil || string(d.Data) != "x" {
			complain("got %q, %v", d.Data, err)
		}
		s.Close()
	}
	if d, ok, err := m.TryRead(); len(senders) > 0 && err != io.EOF {
		complain("at the end: %q, %v, %v", d.Data, ok, err)
	}
	if err := m.Close(); err != nil || countDescriptors() != before {
		complain("Close: %v, %d descriptors, were %d", err, countDescriptors(), before)
	}
}

func TestPipeFewDescriptors(t *testing.T) { runsAs(t, childCommand("run-few-descriptors")) }

// fewPages is an ordinary user who has used up its pages for pipes
// (pipe-user-pages-soft, pipe(7)).
func fewPages([]string) int {
	if os.Getuid() == 0 {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(65534), syscall.Setuid(65534)); err != nil {
			fmt.Println("skip:", err)
			return 0
		}
	}
	text, _ := os.ReadFile("/proc/sys/fs/pipe-user-pages-soft")
	if soft, _ := strconv.Atoi(strings.TrimSpace(string(text))); soft == 0 || soft > 1<<16 {
		fmt.Println("skip: pipe-user-pages-soft is", soft)
		return 0
	}
	for {
		var p [2]int
		if err := unix.Pipe2(p[:], 0); err != nil {
			fmt.Println("skip: cannot use up the pages:", err)
			return 0
		}
		if size, _ := unix.FcntlInt(uintptr(p[0]), unix.F_GETPIPE_SZ, 0); size < 64<<10 {
			break // the kernel gives less now
		}
		unix.FcntlInt(uintptr(p[0]), unix.F_SETPIPE_SZ, 1<<20)
	}
	manySendersOrEPERM()
	return 0
}

// manySendersOrEPERM makes senders, and prints what is wrong: a kernel that has
// no pages left may say so, with nothing left behind, or shrink the pipe.
func manySendersOrEPERM() {
	before := countDescriptors()
	m, err := iomux.NewPipe()
	if err != nil {
		if !errors.Is(err, unix.EPERM) || countDescriptors() != before {
			fmt.Println("NewPipe:", err, countDescriptors(), before)
		}
		return
	}
	defer m.Close()
	for range 40 {
		had := countDescriptors()
		s, err := m.MakeSender()
		if err != nil {
			if !errors.Is(err, unix.EPERM) || countDescriptors() != had {
				fmt.Println("MakeSender:", err, countDescriptors(), had)
			}
			return
		}
		s.WriteString("x")
		if d, err := m.Read(); err != nil || string(d.Data) != "x" {
			fmt.Printf("got %q, %v\n", d.Data, err)
		}
	}
}

func TestPipeFewPages(t *testing.T) { runsAs(t, childCommand("run-few-pages")) }

// refuse makes the kernel refuse a system call whose second argument has this
// value, or all of these bits, with errno: by a filter, for good (seccomp(2)).
func refuse(call uintptr, bits bool, arg uint32, errno unix.Errno) error {
	const nr, secondArg = 0, 24 // in struct seccomp_data, on little-endian machines
	test := uint16(unix.BPF_JEQ)
	if bits {
		test = unix.BPF_JSET
	}
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: nr},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(call), Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: secondArg},
		{Code: unix.BPF_JMP | test | unix.BPF_K, K: arg, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
}

// refusals are what a kernel, or the filter of a container, may refuse, and
// what the error has to tell.
var refusals = map[string]struct {
	call  uintptr
	bits  bool
	arg   uint32
	errno unix.Errno
	is    unix.Errno
	says  string
}{
	"F_SETPIPE_SZ refused":  {unix.SYS_FCNTL, false, unix.F_SETPIPE_SZ, unix.EPERM, unix.EPERM, "F_SETPIPE_SZ"},
	"F_SETPIPE_SZ does not": {unix.SYS_FCNTL, false, unix.F_SETPIPE_SZ, 0, unix.EINVAL, "F_SETPIPE_SZ"},
	"no packet mode":        {unix.SYS_PIPE2, true, unix.O_DIRECT, unix.EINVAL, unix.EINVAL, "packet mode"},
	"no more watches":       {unix.SYS_EPOLL_CTL, false, unix.EPOLL_CTL_ADD, unix.ENOSPC, 0, "epoll_ctl"}, // the runtime does not tell the errno
}

// refusedPipes makes a Mux before and one after something is refused, and
// prints what is wrong.
func refusedPipes(args []string) int {
	runtime.LockOSThread() // the filter is this thread's
	c := refusals[args[0]]
	m := must(iomux.NewPipe())
	s := must(m.MakeTaggedSender("s"))
	if err := refuse(c.call, c.bits, c.arg, c.errno); err != nil {
		fmt.Println("skip: no filter to be had:", err)
		return 0
	}
	check := func(what string, err error, had int) {
		if err == nil || c.is != 0 && !errors.Is(err, c.is) || !strings.Contains(fmt.Sprint(err), c.says) || countDescriptors() != had {
			fmt.Printf("%s: %v, %d descriptors, were %d\n", what, err, countDescriptors(), had)
		}
	}
	had := countDescriptors()
	_, err := m.MakeTaggedSender("t")
	check("MakeTaggedSender", err, had)
	_, err = iomux.NewPipe()
	check("NewPipe", err, had)
	s.WriteString("x") // the Mux is as good as before
	s.Close()
	if d, err := m.Read(); err != nil || d.Tag != "s" || string(d.Data) != "x" {
		fmt.Printf("got %q, %v\n", d.Data, err)
	}
	if _, err := m.Read(); err != io.EOF {
		fmt.Println("at the end:", err)
	}
	m.Close()
	return 0
}

func TestPipeRefused(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 || strconv.IntSize != 64 {
		t.Skip("the filter is for little-endian machines of 64 bits")
	}
	for name := range refusals {
		t.Run(name, func(t *testing.T) { runsAs(t, childCommand("run-refused", name)) })
	}
}
