package iomux_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux"
	"golang.org/x/sys/unix"
)

func init() {
	children["raiseBuffer"] = raiseBuffer
	children["fewDescriptors"] = fewDescriptors
	children["noDescriptorLeft"] = noDescriptorLeft
	children["descriptorZero"] = descriptorZero
	children["holdSenders"] = holdSenders
	children["tooManyRefs"] = tooManyRefs
}

// runCheck runs a child that checks something by itself, and says what is wrong.
func runCheck(t testing.TB, name string, args ...string) {
	t.Helper()
	out, err := childCommand(name, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
}

// sendBuffer gives what a socket gets that asks for size bytes.
func sendBuffer(fd, option, size int) (int, error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, size/2); err != nil {
		return 0, err
	}
	return unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF)
}

// What a sender needs for the largest datagram, and never more.
func TestSendBuffer(t *testing.T) {
	if os.Getpagesize() != 4096 {
		t.Skip("other page sizes have other limits")
	}
	fd := must(unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0))
	defer unix.Close(fd)
	const most = 4_263_616 + 32
	want, err := sendBuffer(fd, unix.SO_SNDBUFFORCE, most)
	if err != nil {
		want = must(sendBuffer(fd, unix.SO_SNDBUF, most))
	}
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		f := newSender(t, m, "x")
		if k.pipe {
			if size := must(unix.FcntlInt(f.Fd(), unix.F_GETPIPE_SZ, 0)); size != os.Getpagesize() {
				t.Errorf("the pipe takes %d bytes", size)
			}
			return
		}
		if got := must(unix.GetsockoptInt(int(f.Fd()), unix.SOL_SOCKET, unix.SO_SNDBUF)); got != want || got > most {
			t.Errorf("SO_SNDBUF is %d, want %d", got, want)
		}
	})
}

// A write that is too long fails, and is all that is lost.
func TestTooLongWrite(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		if k.pipe {
			t.Skip("a write to a pipe may be of any length")
		}
		if !overheadCounts {
			t.Skip("the system takes more than the send buffer says")
		}
		f := newSender(t, m, "x")
		send(t, f, "before")
		for _, size := range []int{largestWrite(t, k, f) + 1, 8 << 20} {
			_, err := f.Write(make([]byte, size))
			if !errors.Is(err, unix.EMSGSIZE) && !errors.Is(err, unix.ENOBUFS) {
				t.Errorf("write of %d bytes: %v", size, err)
			}
		}
		send(t, f, "after")
		wantRead(t, m, "x", "before")
		wantRead(t, m, "x", "after")
		wantNothing(t, m)
	})
}

// raiseBuffer raises the buffer of its standard output as far as it can, and
// writes the longest that it can then, in one piece. It tells the length on its
// standard error.
func raiseBuffer([]string) int {
	for _, option := range []int{unix.SO_SNDBUF, unix.SO_SNDBUFFORCE} {
		unix.SetsockoptInt(1, unix.SOL_SOCKET, option, 16<<20)
	}
	low, high := 1, 16<<20 // the first can be sent, the last cannot
	b := make([]byte, high)
	for i := range b {
		b[i] = byte(i * 7 / 3)
	}
	for low+1 < high {
		mid := (low + high) / 2
		if err := unix.Sendto(1, b[:mid], 0, nil); err == nil {
			low = mid
		} else {
			high = mid
		}
	}
	fmt.Fprint(os.Stderr, low)
	return 0
}

func TestChildRaisesBuffer(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		if k.pipe {
			t.Skip("pipes have no such option")
		}
		f := newSender(t, m, "x")
		allowed := largestWrite(t, k, f)
		var stderr strings.Builder
		cmd := childCommand("raiseBuffer")
		cmd.Stdout, cmd.Stderr = f, &stderr
		wait := start(t, cmd)
		f.Close()
		longest := 0
		for {
			d, err := m.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range d.Data {
				if c != byte(i*7/3) {
					t.Fatalf("byte %d of %d is wrong", i, len(d.Data))
				}
			}
			longest = max(longest, len(d.Data))
		}
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		if stderr.String() != strconv.Itoa(longest) || longest < allowed {
			t.Errorf("the longest write was %s bytes, came %d, allowed without that %d", &stderr, longest, allowed)
		}
	})
}

// Python writes one huge string at once, and empty datagrams in tracebacks.
func TestPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip(err)
	}
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		out, errs := newSender(t, m, "out"), newSender(t, m, "err")
		size := min(1_000_000, largestWrite(t, k, out))
		cmd := exec.Command(python, "-S", "-c", fmt.Sprintf("import sys; sys.stdout.write('x' * %d); sys.stdout.flush(); raise Exception('at the end')", size))
		cmd.Stdout, cmd.Stderr = out, errs
		start(t, cmd)
		out.Close()
		errs.Close()
		readWrite(t, k, m, "out", bytes.Repeat([]byte("x"), size))
		var traceback []byte
		for {
			d, err := m.Read()
			if err == io.EOF {
				break
			}
			if err != nil || d.Tag != "err" {
				t.Fatalf("got %q %.100q, %v", d.Tag, d.Data, err)
			}
			traceback = append(traceback, d.Data...)
		}
		if s := string(traceback); !strings.HasPrefix(s, "Traceback") || !strings.HasSuffix(s, "Exception: at the end\n") {
			t.Errorf("got %q", traceback)
		}
	})
}

// muxOf makes a Mux in a child, which has no testing.TB to give.
func muxOf(kind, dir string) (*iomux.Mux, error) {
	for _, k := range kinds {
		if k.name == kind && kind != "NewIn" {
			return k.make(nil)
		}
	}
	return iomux.NewIn(dir)
}

// checkFailed prints what is wrong in a child that tests something.
func checkFailed(format string, args ...any) int {
	fmt.Printf(format+"\n", args...)
	return 1
}

// limitTo allows n more descriptors, if they are without gaps.
func limitTo(n int) (reset func()) {
	next := must(unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3))
	unix.Close(next)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		panic(err)
	}
	setLimit(uint64(next+n), old.Max)
	return func() { setLimit(old.Cur, old.Max) }
}

func setLimit(cur, max uint64) {
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: cur, Max: max}); err != nil {
		panic(err)
	}
}

// initPoller has Go's poller make its descriptors: without them it gives up the
// whole program.
func initPoller() {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	r.SetDeadline(time.Unix(1, 0))
	r.Close()
	w.Close()
}

// fewDescriptors makes a Mux, and then a sender, with 0, 1, 2 … descriptors left,
// until that works; as an ordinary user if its second argument says so.
func fewDescriptors(args []string) int {
	initPoller()
	if args[1] != "" {
		becomeOrdinary(args[1])
	}
	dir := os.Getenv("TMPDIR")
	files := len(openFiles())
	var m *iomux.Mux
	for n := 0; m == nil; n++ {
		reset := limitTo(n)
		mux, err := muxOf(args[0], dir)
		reset()
		if now := len(openFiles()); err != nil && now != files {
			return checkFailed("New with %d descriptors left: %d are open, were %d: %v", n, now, files, openFiles())
		}
		if entries := must(os.ReadDir(dir)); len(entries) != 0 {
			return checkFailed("New with %d descriptors left: %v stays in the directory after %v", n, entries, err)
		}
		if err != nil && !errors.Is(err, unix.EMFILE) || n > 20 {
			return checkFailed("New with %d descriptors left: %v", n, err)
		}
		m = mux
	}
	defer m.Close()
	f := must(m.MakeTaggedSender("first"))
	files, rows := len(openFiles()), m.Rows()
	for n := 0; ; n++ {
		reset := limitTo(n)
		g, err := m.MakeTaggedSender("second")
		if err == nil {
			fmt.Fprint(g, "works")
			d, err := m.Read()
			reset()
			if err != nil || d.Tag != "second" || n == 0 {
				return checkFailed("with %d descriptors left: %q, %v", n, d.Tag, err)
			}
			return 0
		}
		if !errors.Is(err, unix.EMFILE) || n > 20 {
			return checkFailed("MakeSender with %d descriptors left: %v", n, err)
		}
		fmt.Fprint(f, "still works")
		if d, err := m.Read(); err != nil || string(d.Data) != "still works" {
			return checkFailed("with %d descriptors left: %q, %v", n, d.Data, err)
		}
		reset()
		if now := len(openFiles()); now != files || m.Rows() != rows {
			return checkFailed("MakeSender with %d descriptors left: %d are open, were %d; %d rows, were %d", n, now, files, m.Rows(), rows)
		}
	}
}

// publicDir makes a directory that everybody may write to.
func publicDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{filepath.Dir(dir): 0o711, dir: 0o777} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFewDescriptors(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, _ *iomux.Mux) {
		for _, uid := range []string{"", "61000"} {
			t.Setenv("TMPDIR", publicDir(t))
			runCheck(t, "fewDescriptors", k.name, uid)
		}
	})
}

// noDescriptorLeft has a false alarm, and the end, when there is no descriptor
// to look with.
func noDescriptorLeft(args []string) int {
	initPoller()
	m := must(muxOf(args[0], ""))
	f := must(m.MakeTaggedSender("x"))
	limitTo(0)
	var taken []int
	takeAll := func() {
		for {
			fd, err := unix.Dup(0)
			if err != nil {
				return
			}
			taken = append(taken, fd)
		}
	}
	takeAll()
	unix.Recvfrom(int(f.Fd()), make([]byte, 10), unix.MSG_DONTWAIT)
	for range 3 {
		if d, ok, err := m.TryRead(); ok || err != nil {
			return checkFailed("after a false alarm: %q, %v, %v", d.Data, ok, err)
		}
		takeAll()
	}
	fmt.Fprint(f, "data")
	f.Close()
	takeAll()
	if d, err := m.Read(); err != nil || d.Tag != "x" {
		return checkFailed("got %q, %v", d.Tag, err)
	}
	if _, ok, err := m.TryRead(); ok || err != nil && err != io.EOF {
		return checkFailed("at the end, without descriptors: %v, %v", ok, err)
	}
	ended := inBackground(func() error { _, err := m.Read(); return err })
	unix.Close(taken[0])
	if err := <-ended; err != io.EOF {
		return checkFailed("at the end: %v", err)
	}
	m.Close()
	return 0
}

func TestNoDescriptorLeft(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, _ *iomux.Mux) { runCheck(t, "noDescriptorLeft", k.name) })
}

// descriptorZero uses a Mux in a program that has closed its standard input, so
// that the Mux, or else a sender and what watches it, get descriptor 0. A child
// reads from its output meanwhile.
func descriptorZero(args []string) int {
	initPoller()
	if args[1] == "before" {
		os.Stdin.Close()
	}
	m := must(muxOf(args[0], ""))
	os.Stdin.Close()
	f := must(m.MakeTaggedSender("x"))
	copied := must(unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 100))
	f.Close()
	for range 2 {
		unix.Recvfrom(copied, make([]byte, 10), unix.MSG_DONTWAIT)
		iomux.Tick() // so that it is watched again
		if _, ok, err := m.TryRead(); ok || err != nil {
			return checkFailed("got %v, %v", ok, err)
		}
	}
	must(unix.Write(copied, []byte("data")))
	unix.Close(copied)
	if d, err := m.Read(); err != nil || string(d.Data) != "data" {
		return checkFailed("got %q, %v", d.Data, err)
	}
	if _, err := m.Read(); err != io.EOF {
		return checkFailed("at the end: %v", err)
	}
	m.Close()
	return 0
}

func TestDescriptorZero(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, _ *iomux.Mux) {
		if k.pipe {
			t.Skip("nobody can read from the write end of a pipe")
		}
		runCheck(t, "descriptorZero", k.name, "before")
		runCheck(t, "descriptorZero", k.name, "after")
	})
}

// becomeOrdinary makes this child an ordinary user, where it is not.
func becomeOrdinary(uid string) {
	if os.Geteuid() != 0 {
		return
	}
	id := must(strconv.Atoi(uid))
	for _, err := range []error{syscall.Setgroups(nil), syscall.Setgid(id), syscall.Setuid(id)} {
		if err != nil {
			panic(err)
		}
	}
}

// holdSenders makes so many senders, tells so, and keeps them until its standard
// input ends.
func holdSenders(args []string) int {
	becomeOrdinary(args[0])
	m := must(iomux.NewAbstract())
	for range must(strconv.Atoi(args[1])) {
		must(m.MakeSender())
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	return 0
}

// tooManyRefs makes a sender when its user has more of them than one process may
// have descriptors, then one when that is no longer so.
func tooManyRefs(args []string) int {
	becomeOrdinary(args[0])
	initPoller()
	m := must(muxOf(args[1], ""))
	files := len(openFiles())
	setLimit(50, 50)
	if sendsDescriptor() == nil {
		fmt.Println("unlimited")
		return 0
	}
	f, err := m.MakeSender()
	if f != nil || !errors.Is(err, unix.ETOOMANYREFS) || !strings.Contains(err.Error(), "sendmsg") {
		return checkFailed("got %v, %v", f, err)
	}
	if now := len(openFiles()); now != files || m.Rows() != 0 {
		return checkFailed("%d descriptors are open, were %d", now, files)
	}
	fmt.Println("refused")
	io.Copy(io.Discard, os.Stdin)
	if f, err = m.MakeTaggedSender("x"); err != nil {
		return checkFailed("later: %v", err)
	}
	fmt.Fprint(f, "data")
	if d, err := m.Read(); err != nil || d.Tag != "x" {
		return checkFailed("got %q, %v", d.Tag, err)
	}
	return 0
}

// sendsDescriptor sends a descriptor to itself, as one more in flight.
func sendsDescriptor() error {
	fd, address := namedSocket()
	defer unix.Close(fd)
	return unix.Sendmsg(fd, []byte{0}, unix.UnixRights(fd), address, unix.MSG_DONTWAIT)
}

func TestTooManyRefs(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, _ *iomux.Mux) {
		if k.pipe {
			t.Skip("pipes are not sent anywhere")
		}
		uid := strconv.Itoa(61_000 + os.Getpid()%4000)
		holder := childCommand("holdSenders", uid, "80")
		stop, wait := startReady(t, holder, "ready\n")
		refused := childCommand("tooManyRefs", uid, k.name)
		goOn, waitRefused := startReady(t, refused, "refused\n")
		stop.Close()
		if err := wait(); err != nil {
			t.Error(err)
		}
		goOn.Close()
		if err := waitRefused(); err != nil {
			t.Error(err)
		}
	})
}

// startReady starts cmd and waits until it has written what tells that it is
// ready.
func startReady(t testing.TB, cmd *exec.Cmd, ready string) (stdin io.Closer, wait func() error) {
	t.Helper()
	stdin = must(cmd.StdinPipe())
	stdout := must(cmd.StdoutPipe())
	cmd.Stderr = os.Stderr
	wait = start(t, cmd)
	t.Cleanup(func() { stdin.Close() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if line == "unlimited\n" {
		t.Skip("the system has no limit for descriptors in flight")
	}
	if line != ready {
		t.Fatalf("got %q, %v, want %q", line, err, ready)
	}
	return stdin, wait
}
