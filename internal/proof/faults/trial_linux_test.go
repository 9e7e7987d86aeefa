//go:build amd64 || arm64

package faults_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
	"github.com/seed-5082a588/iomux/internal/testhook"
	"golang.org/x/sys/unix"
)

func init() { muxtest.Children["faults"] = runTrials }

// A scenario is what a trial does. Its system calls fail between the beginning
// and the end of each window; all that is not the library's is done elsewhere, in
// another thread.
type scenario struct {
	name  string
	do    func(t *trial)
	kinds []string // kinds, of which some share what is under test
	only  string   // the call that is to fail; "" for all
}

var (
	pipeKind    = []string{"NewPipe"}
	socketKinds = []string{"New", "NewSingle"}
	eachKind    = []string{"New", "NewPipe"}
	receivers   = []string{"New", "NewSingle", "NewPipe"}
	makers      = []string{"New", "NewIn", "NewAbstract", "NewPipe"}
)

var scenarios = []scenario{
	{"make", tryMake, makers, ""},
	{"senders", trySenders, []string{"New", "NewAbstract", "NewPipe"}, ""},
	{"read", tryRead, receivers, ""},
	{"tryRead", tryTryRead, receivers, ""},
	{"large", tryLarge, socketKinds, ""},
	{"grown", tryGrown, pipeKind, ""},
	{"park", tryPark, eachKind, ""},
	{"poll", tryPoll, eachKind, "epoll_pwait"},
	{"cancel", tryCancel, eachKind, ""},
	{"falseAlarm", tryFalseAlarm, []string{"New"}, ""},
	{"close", tryClose, receivers, ""},
	{"closedWhileReading", tryClosedWhileReading, eachKind, ""},
	{"output", tryOutput, eachKind, ""},
	{"outputLate", tryOutputLate, eachKind, ""},
}

// A trial is one run of a scenario, with one fault.
type trial struct {
	kind  string
	errno unix.Errno // 0 for none
	times int
	told  bool     // the error tells the errno
	names []string // that the call may have in an error
	dir   string
	m     *iomux.Mux
	seen  int // errors
}

// A failure is what is wrong.
type failure string

func (t *trial) fail(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

// elsewhere does what is not to fail, in another thread.
func elsewhere[T any](f func() T) T { return <-muxtest.InBackground(f) }

func (t *trial) window(f func()) {
	unix.RawSyscall(windowCall, windowWhich, 1, 0)
	f()
	unix.RawSyscall(windowCall, windowWhich, 0, 0)
}

// expect takes err for the fault, if it may be that.
func (t *trial) expect(op string, err error) {
	named := false
	for _, name := range t.names {
		named = named || strings.Contains(err.Error(), name)
	}
	if t.seen == t.times || !named || t.told && !errors.Is(err, t.errno) {
		t.fail("%s: error %d: %v", op, t.seen+1, err)
	}
	t.seen++
}

// remains are what a failure must not leave more of.
type remains struct{ descriptors, files int }

func (t *trial) remains() (r remains) {
	return elsewhere(func() remains {
		r.descriptors, r.files = len(muxtest.OpenFiles()), len(muxtest.Names(t.dir))
		return r
	})
}

// wantNoMore wants that nothing is left behind. Less there may be: who makes a
// sender gives back those that were closed.
func (t *trial) wantNoMore(than remains, after any) {
	now := t.remains()
	if now.descriptors > than.descriptors || now.files > than.files {
		t.fail("after %v there are %+v, there were %+v: %v", after, now, than, elsewhere(muxtest.OpenFiles))
	}
}

// attempt does op until it works. It must leave nothing behind when it does not.
func (t *trial) attempt(name string, op func() error) {
	before := t.remains()
	for {
		err := op()
		if err == nil {
			return
		}
		t.expect(name, err)
		t.wantNoMore(before, err)
	}
}

func (t *trial) makeMux() {
	t.attempt("make", func() (err error) {
		t.m, err = muxtest.MuxOf(t.kind, t.dir)
		return err
	})
}

func (t *trial) sender(tag string) (f *os.File) {
	t.attempt("MakeSender", func() (err error) {
		f, err = t.m.MakeTaggedSender(tag)
		return err
	})
	return f
}

// begin makes a Mux and two senders.
func (t *trial) begin() (a, b *os.File) {
	t.makeMux()
	return t.sender("a"), t.sender("b")
}

// send writes to f. The queue must have room.
func (t *trial) send(f *os.File, data string) {
	if err := elsewhere(func() error { _, err := f.WriteString(data); return err }); err != nil {
		t.fail("write: %v", err)
	}
}

var errNoData = errors.New("nothing there")

// try is TryRead, with an error if there is nothing.
func (t *trial) try() (iomux.TaggedData, error) {
	d, ok, err := t.m.TryRead()
	if !ok && err == nil {
		err = errNoData
	}
	return d, err
}

// want reads until there is no error, and wants this.
func (t *trial) want(read func() (iomux.TaggedData, error), tag, data string) {
	for {
		d, err := read()
		if err == nil {
			if d.Tag != tag || string(d.Data) != data {
				t.fail("got %.20q %.20q, want %.20q %.20q", d.Tag, d.Data, tag, data)
			}
			return
		}
		t.expect(fmt.Sprintf("read of %.20q", data), err)
	}
}

// wantErr reads until that error comes.
func (t *trial) wantErr(read func() (iomux.TaggedData, error), want error) {
	for {
		d, err := read()
		if err == nil {
			t.fail("got %.20q %.20q, want %v", d.Tag, d.Data, want)
		}
		if errors.Is(err, want) {
			return
		}
		t.expect(fmt.Sprintf("read of %v", want), err)
	}
}

// close closes the Mux. That gives an error if its directory had to stay and
// cannot be removed.
func (t *trial) close() {
	if err := t.m.Close(); err != nil {
		t.expect("Close", err)
	}
}

func tryMake(t *trial) {
	t.window(func() {
		t.makeMux()
		t.close()
	})
	t.m = nil
	t.window(t.makeMux)
	f := t.sender("a")
	t.send(f, "data")
	t.want(t.m.Read, "a", "data")
	f.Close()
	t.wantErr(t.m.Read, io.EOF)
	t.close()
}

func trySenders(t *trial) {
	t.makeMux()
	var senders []*os.File
	t.window(func() {
		for _, tag := range []string{"a", "b", "c"} {
			f := t.sender(tag)
			t.sender("short").Close()
			senders = append(senders, f)
		}
	})
	for _, f := range senders {
		t.send(f, "data")
		t.want(t.m.Read, f.Name(), "data")
		f.Close()
	}
	t.wantErr(t.m.Read, io.EOF)
	t.close()
}

// rounds sends and reads some messages, then wants the end.
func (t *trial) rounds(read func() (iomux.TaggedData, error)) {
	a, b := t.begin()
	t.send(a, "one")
	t.send(b, "two")
	t.window(func() {
		t.want(read, "a", "one")
		t.want(read, "b", "two")
	})
	t.send(b, "three")
	b.Close()
	t.window(func() { t.want(read, "b", "three") })
	if d, ok, err := t.m.TryRead(); ok || err != nil {
		t.fail("got %q, %v, want nothing", d.Data, err)
	}
	t.send(a, "four")
	t.window(func() { t.want(read, "a", "four") })
	a.Close()
	t.window(func() { t.wantErr(read, io.EOF) })
	a = t.sender("again")
	t.send(a, "five")
	a.Close()
	t.window(func() {
		t.want(read, "again", "five")
		t.wantErr(read, io.EOF)
	})
	t.window(t.close)
}

func tryRead(t *trial) { t.rounds(func() (iomux.TaggedData, error) { return t.m.Read() }) }

// A probe that could not be made tells TryRead nothing: the end comes later.
func tryTryRead(t *trial) {
	later := 0
	t.rounds(func() (iomux.TaggedData, error) {
		d, err := t.try()
		probing := t.names[0] == "socket" || t.names[0] == "connect"
		for err == errNoData && probing && later < t.times {
			later++
			d, err = t.try()
		}
		return d, err
	})
}

func tryLarge(t *trial) {
	testhook.NewSlots.Store(true)
	defer testhook.NewSlots.Store(false)
	a, b := t.begin()
	large := strings.Repeat("large", 30_000)
	t.send(a, large)
	t.send(b, "small")
	t.send(a, large)
	a.Close()
	b.Close()
	t.window(func() {
		t.want(t.m.Read, "a", large)
		t.want(t.m.Read, "b", "small")
		t.want(t.m.Read, "a", large)
		t.wantErr(t.m.Read, io.EOF)
		t.close()
	})
}

func tryGrown(t *trial) {
	a, b := t.begin()
	elsewhere(func() int { return muxtest.Must(unix.FcntlInt(a.Fd(), unix.F_SETPIPE_SZ, 4*os.Getpagesize())) })
	for range 2 {
		t.send(a, "one")
		t.send(a, "two")
		t.send(a, "three")
		t.window(func() {
			t.want(t.m.Read, "a", "one")
			t.want(t.m.Read, "a", "two")
			t.want(t.m.Read, "a", "three")
		})
	}
	t.send(b, "four")
	t.window(func() { t.want(t.m.Read, "b", "four") })
	a.Close()
	b.Close()
	t.window(func() { t.wantErr(t.m.Read, io.EOF) })
	t.close()
}

// whenParked does f once a reader is parked.
func whenParked(f func()) (done <-chan bool) {
	return muxtest.InBackground(func() bool {
		stacks := make([]byte, 64<<10)
		for !strings.Contains(strings.ToLower(string(stacks[:runtime.Stack(stacks, true)])), ").park(") {
			runtime.Gosched()
		}
		f()
		return true
	})
}

func tryPark(t *trial) {
	a, b := t.begin()
	for _, f := range []*os.File{a, b, a} {
		sent := whenParked(func() { f.WriteString("data") })
		t.window(func() { t.want(t.m.Read, f.Name(), "data") })
		<-sent
	}
	b.Close()
	closed := whenParked(func() { a.Close() })
	t.window(func() { t.wantErr(t.m.Read, io.EOF) })
	<-closed
	t.window(t.close)
}

// tryPoll has readers that look for a while before they sleep.
func tryPoll(t *trial) {
	runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(1)
	tryPark(t)
}

func tryCancel(t *trial) {
	a, b := t.begin()
	for range 2 {
		ctx, cancel := context.WithCancel(context.Background())
		canceled := whenParked(cancel)
		t.window(func() {
			t.wantErr(func() (iomux.TaggedData, error) { return t.m.ReadContext(ctx) }, context.Canceled)
		})
		<-canceled
		t.send(a, "data")
		t.window(func() { t.want(t.m.Read, "a", "data") })
	}
	a.Close()
	b.Close()
	t.wantErr(t.m.Read, io.EOF)
	t.close()
}

// swallow reads what watches over a sender, as a child that reads from its
// standard output does.
func swallow(f *os.File) {
	elsewhere(func() error {
		_, _, err := unix.Recvfrom(int(f.Fd()), make([]byte, 10), unix.MSG_DONTWAIT)
		return err
	})
}

func tryFalseAlarm(t *trial) {
	a, b := t.begin()
	muxtest.Tick()
	swallow(a) // it is watched again at once
	nothing := func() {
		if _, ok, err := t.m.TryRead(); ok {
			t.fail("data after a false alarm")
		} else if err != nil {
			t.expect("TryRead", err)
		}
	}
	t.window(nothing)
	swallow(a) // and now later
	t.window(nothing)
	t.send(a, "one")
	t.send(b, "two")
	muxtest.Tick()
	t.window(func() {
		t.want(t.m.Read, "a", "one")
		t.want(t.m.Read, "b", "two")
		nothing()
	})
	t.send(a, "three")
	a.Close()
	b.Close()
	t.window(func() {
		t.want(t.m.Read, "a", "three")
		t.wantErr(t.m.Read, io.EOF)
		t.close()
	})
}

func tryClose(t *trial) {
	a, b := t.begin()
	t.send(a, "one")
	t.send(b, "two")
	t.window(func() { t.want(t.m.Read, "a", "one") })
	t.window(t.close) // with a message that is not read
	t.wantErr(t.m.Read, os.ErrClosed)
	a.Close()
	b.Close()

	t.makeMux()
	a = t.sender("a")
	read := muxtest.InBackground(func() error { _, err := t.m.Read(); return err })
	<-whenParked(func() {})
	t.window(t.close)
	if err := <-read; !errors.Is(err, os.ErrClosed) {
		t.fail("reader of a closed Mux: %v", err)
	}
	a.Close()
}

func tryClosedWhileReading(t *trial) {
	a, b := t.begin()
	closed := whenParked(func() { t.m.Close() })
	t.window(func() { t.wantErr(t.m.Read, os.ErrClosed) })
	<-closed
	a.Close()
	b.Close()
}

// output runs a script until that gives no error, and wants its output; after an
// error, what is the beginning of that.
func (t *trial) output(cmd func() *exec.Cmd, want string, wantErr error) {
	t.makeMux()
	for {
		var got strings.Builder
		var last error
		c := cmd()
		t.window(func() {
			for d, err := range t.m.Output(c) {
				if last = err; err == nil {
					fmt.Fprintf(&got, "%s %s", d.Tag, d.Data)
				}
			}
		})
		if last == wantErr && got.String() == want {
			break
		}
		if last == nil || !strings.HasPrefix(want, got.String()) {
			t.fail("got %q, %v, want %q", &got, last, want)
		}
		t.expect("Output", last)
		if _, _, err := t.m.TryRead(); errors.Is(err, os.ErrClosed) {
			t.makeMux()
		} else if got.Len() != 0 {
			t.fail("the Mux is open after %q, %v", &got, last)
		}
	}
	t.window(t.close)
}

func tryOutput(t *trial) {
	t.output(func() *exec.Cmd { return exec.Command("sh", "-c", "echo 1; echo 2 >&2; echo 3") }, "stdout 1\nstderr 2\nstdout 3\n", nil)
}

// tryOutputLate has somebody who holds the output longer than its command lives.
func tryOutputLate(t *trial) {
	var p [2]int
	muxtest.Must(0, unix.Pipe2(p[:], unix.O_CLOEXEC))
	r := os.NewFile(uintptr(p[0]), "pipe")
	t.output(func() *exec.Cmd {
		cmd := exec.Command("sh", "-c", "(read x <&3) & echo 1; echo 2 >&2")
		cmd.ExtraFiles, cmd.WaitDelay = []*os.File{r}, time.Millisecond
		return cmd
	}, "stdout 1\nstderr 2\n", exec.ErrWaitDelay)
	r.Close()
	unix.Close(p[1])
}

// runTrials runs the trials that come through the standard input, a line for
// each, and gives a verdict for each.
func runTrials([]string) int {
	runtime.LockOSThread()
	runtime.GOMAXPROCS(1) // with more, a reader polls for a while, and its calls cannot be foretold
	muxtest.InitPoller()
	muxtest.Must(0, exec.Command("true").Run()) // os looks once what the kernel can do
	dropNetAdmin()
	fd, err := notifyCalls()
	// This thread cannot make a noted call before somebody answers.
	elsewhere(func() bool {
		sendFD(3, fd, err)
		unix.Close(fd)
		unix.Close(3)
		return true
	})
	if err != nil {
		return 0
	}
	fmt.Print(unix.Gettid())
	for _, file := range elsewhere(muxtest.OpenFiles) {
		if n, name, _ := strings.Cut(file, "="); strings.HasPrefix(name, "anon_inode:") {
			fmt.Print(" ", n)
		}
	}
	fmt.Println()
	dir := os.Getenv("TMPDIR")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		verdict := newTrial(in.Text(), dir)
		fmt.Println(verdict)
		if !strings.HasPrefix(verdict, "ok") {
			return 1
		}
	}
	return 0
}

// dropNetAdmin has this thread refused SO_SNDBUFFORCE, so that it tries SO_SNDBUF.
func dropNetAdmin() {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	muxtest.Must(0, unix.Capget(&head, &data[0]))
	data[0].Effective &^= 1 << unix.CAP_NET_ADMIN
	muxtest.Must(0, unix.Capset(&head, &data[0]))
}

// newTrial runs the trial that the line tells, and gives the verdict.
func newTrial(line, dir string) (verdict string) {
	t := &trial{dir: dir}
	var name, calls string
	var errno int
	muxtest.Must(fmt.Sscan(line, &name, &t.kind, &errno, &t.times, &t.told, &calls))
	t.errno, t.names = unix.Errno(errno), strings.Split(calls, "|")
	limit := time.AfterFunc(10*time.Second, func() {
		fmt.Fprintln(os.Stderr, "hangs:", line)
		pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
		os.Exit(3)
	})
	defer limit.Stop()
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			verdict = string(r)
		default:
			panic(r)
		}
	}()
	before, goroutines := t.remains(), runtime.NumGoroutine()
	for _, s := range scenarios {
		if s.name == name {
			s.do(t)
		}
	}
	t.m = nil
	t.finish(before, goroutines)
	return fmt.Sprint("ok ", t.seen)
}

// finish wants that nothing is left behind.
func (t *trial) finish(before remains, goroutines int) {
	muxtest.AwaitGoroutines(goroutines)
	if n := runtime.NumGoroutine(); n > goroutines {
		t.fail("%d goroutines, there were %d", n, goroutines)
	}
	t.wantNoMore(before, "all")
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		t.fail("a child is left: %d, %v", pid, err)
	}
}
