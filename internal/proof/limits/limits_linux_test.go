package limits_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
	"golang.org/x/sys/unix"
)

func init() {
	muxtest.Children["raiseBuffer"] = raiseBuffer
	muxtest.Children["sendersAgain"] = sendersAgain
	muxtest.Children["sendersBeside"] = sendersBeside
	muxtest.Children["fewDescriptors"] = fewDescriptors
	muxtest.Children["noDescriptorLeft"] = noDescriptorLeft
	muxtest.Children["descriptorZero"] = descriptorZero
	muxtest.Children["holdSenders"] = holdSenders
	muxtest.Children["tooManyRefs"] = tooManyRefs
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
	fd := muxtest.Must(unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0))
	defer unix.Close(fd)
	const most = 4_263_616 + 32
	want, err := sendBuffer(fd, unix.SO_SNDBUFFORCE, most)
	if err != nil {
		want = muxtest.Must(sendBuffer(fd, unix.SO_SNDBUF, most))
	}
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		f := muxtest.NewSender(t, m, "x")
		if k.Pipe {
			if size := muxtest.Must(unix.FcntlInt(f.Fd(), unix.F_GETPIPE_SZ, 0)); size != os.Getpagesize() {
				t.Errorf("the pipe takes %d bytes", size)
			}
			return
		}
		if got := muxtest.Must(unix.GetsockoptInt(int(f.Fd()), unix.SOL_SOCKET, unix.SO_SNDBUF)); got != want || got > most {
			t.Errorf("SO_SNDBUF is %d, want %d", got, want)
		}
	})
}

// A write that is too long fails, and is all that is lost.
func TestTooLongWrite(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		if k.Pipe {
			t.Skip("a write to a pipe may be of any length")
		}
		if !muxtest.OverheadCounts {
			t.Skip("the system takes more than the send buffer says")
		}
		f := muxtest.NewSender(t, m, "x")
		muxtest.Send(t, f, "before")
		for _, size := range []int{muxtest.LargestWrite(t, k, f) + 1, 8 << 20} {
			_, err := f.Write(make([]byte, size))
			if !errors.Is(err, unix.EMSGSIZE) && !errors.Is(err, unix.ENOBUFS) {
				t.Errorf("write of %d bytes: %v", size, err)
			}
		}
		muxtest.Send(t, f, "after")
		muxtest.WantRead(t, m, "x", "before")
		muxtest.WantRead(t, m, "x", "after")
		muxtest.WantNothing(t, m)
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
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		if k.Pipe {
			t.Skip("pipes have no such option")
		}
		f := muxtest.NewSender(t, m, "x")
		allowed := muxtest.LargestWrite(t, k, f)
		var stderr strings.Builder
		cmd := muxtest.Child("raiseBuffer")
		cmd.Stdout, cmd.Stderr = f, &stderr
		wait := muxtest.Start(t, cmd)
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
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		out, errs := muxtest.NewSender(t, m, "out"), muxtest.NewSender(t, m, "err")
		size := min(1_000_000, muxtest.LargestWrite(t, k, out))
		cmd := exec.Command(python, "-S", "-c", fmt.Sprintf("import sys; sys.stdout.write('x' * %d); sys.stdout.flush(); raise Exception('at the end')", size))
		cmd.Stdout, cmd.Stderr = out, errs
		muxtest.Start(t, cmd)
		out.Close()
		errs.Close()
		muxtest.ReadWrite(t, k, m, "out", bytes.Repeat([]byte("x"), size))
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

// fewDescriptors makes a Mux, and then a sender, with 0, 1, 2 … descriptors left,
// until that works; as an ordinary user if its second argument says so.
func fewDescriptors(args []string) int {
	muxtest.InitPoller()
	if args[1] != "" {
		muxtest.BecomeOrdinary(args[1])
	}
	dir := os.Getenv("TMPDIR")
	files := len(muxtest.OpenFiles())
	var m *iomux.Mux
	for n := 0; m == nil; n++ {
		reset := muxtest.LimitTo(n)
		mux, err := muxtest.MuxOf(args[0], dir)
		reset()
		if now := len(muxtest.OpenFiles()); err != nil && now != files {
			return muxtest.CheckFailed("New with %d descriptors left: %d are open, were %d: %v", n, now, files, muxtest.OpenFiles())
		}
		if entries := muxtest.Must(os.ReadDir(dir)); len(entries) != 0 {
			return muxtest.CheckFailed("New with %d descriptors left: %v stays in the directory after %v", n, entries, err)
		}
		if err != nil && !errors.Is(err, unix.EMFILE) || n > 20 {
			return muxtest.CheckFailed("New with %d descriptors left: %v", n, err)
		}
		m = mux
	}
	defer m.Close()
	f := muxtest.Must(m.MakeTaggedSender("first"))
	files = len(muxtest.OpenFiles())
	for n := 0; ; n++ {
		reset := muxtest.LimitTo(n)
		g, err := m.MakeTaggedSender("second")
		if err == nil {
			fmt.Fprint(g, "works")
			d, err := m.Read()
			reset()
			if err != nil || d.Tag != "second" || n == 0 {
				return muxtest.CheckFailed("with %d descriptors left: %q, %v", n, d.Tag, err)
			}
			return 0
		}
		if !errors.Is(err, unix.EMFILE) || n > 20 {
			return muxtest.CheckFailed("MakeSender with %d descriptors left: %v", n, err)
		}
		fmt.Fprint(f, "still works")
		if d, err := m.Read(); err != nil || string(d.Data) != "still works" {
			return muxtest.CheckFailed("with %d descriptors left: %q, %v", n, d.Data, err)
		}
		reset()
		if now := len(muxtest.OpenFiles()); now != files {
			return muxtest.CheckFailed("MakeSender with %d descriptors left: %d are open, were %d", n, now, files)
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
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, _ *iomux.Mux) {
		for _, uid := range []string{"", "61000"} {
			t.Setenv("TMPDIR", publicDir(t))
			muxtest.RunCheck(t, "fewDescriptors", k.Name, uid)
		}
	})
}

// sendersAgain makes and closes nearly as many senders as there can be, again and
// again, and never reads.
func sendersAgain(args []string) int {
	muxtest.InitPoller()
	m := muxtest.Must(muxtest.MuxOf(args[0], os.Getenv("TMPDIR")))
	const most = 450
	muxtest.SetLimit(2*most+otherFiles, 2*most+otherFiles)
	for round := range 4 {
		var open []*os.File
		for range most {
			f, err := m.MakeSender()
			if err != nil {
				return muxtest.CheckFailed("round %d, with %d senders: %v", round, len(open), err)
			}
			open = append(open, f)
		}
		for _, f := range open {
			f.Close()
		}
	}
	return 0
}

// sendersBeside makes and closes senders in two goroutines, beside a reader if so asked.
func sendersBeside(args []string) int {
	muxtest.InitPoller()
	m := muxtest.Must(muxtest.MuxOf(args[0], os.Getenv("TMPDIR")))
	muxtest.SetLimit(400, 400)
	defer muxtest.Must(m.MakeSender()).Close() // else there could be an end
	if args[1] == "reader" {
		go m.Read()
	}
	ended := make(chan error)
	for range 2 {
		go func() {
			for range 2000 {
				f, err := m.MakeSender()
				if err != nil {
					ended <- err
					return
				}
				f.Close()
			}
			ended <- nil
		}()
	}
	for range 2 {
		if err := <-ended; err != nil {
			return muxtest.CheckFailed("%v", err)
		}
	}
	return 0
}

// Before MakeSender fails for want of descriptors, those of closed senders are given back.
func TestDescriptorsOfClosedSenders(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, _ *iomux.Mux) {
		muxtest.RunCheck(t, "sendersAgain", k.Name)
		muxtest.RunCheck(t, "sendersBeside", k.Name, "alone")
		muxtest.RunCheck(t, "sendersBeside", k.Name, "reader")
	})
}

// noDescriptorLeft has a false alarm, and the end, when there is no descriptor
// to look with.
func noDescriptorLeft(args []string) int {
	muxtest.InitPoller()
	m := muxtest.Must(muxtest.MuxOf(args[0], ""))
	f := muxtest.Must(m.MakeTaggedSender("x"))
	muxtest.LimitTo(0)
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
			return muxtest.CheckFailed("after a false alarm: %q, %v, %v", d.Data, ok, err)
		}
		takeAll()
	}
	fmt.Fprint(f, "data")
	f.Close()
	takeAll()
	if d, err := m.Read(); err != nil || d.Tag != "x" {
		return muxtest.CheckFailed("got %q, %v", d.Tag, err)
	}
	if _, ok, err := m.TryRead(); ok || err != nil && err != io.EOF {
		return muxtest.CheckFailed("at the end, without descriptors: %v, %v", ok, err)
	}
	ended := muxtest.InBackground(func() error { _, err := m.Read(); return err })
	unix.Close(taken[0])
	if err := <-ended; err != io.EOF {
		return muxtest.CheckFailed("at the end: %v", err)
	}
	m.Close()
	return 0
}

func TestNoDescriptorLeft(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, _ *iomux.Mux) { muxtest.RunCheck(t, "noDescriptorLeft", k.Name) })
}

// descriptorZero uses a Mux in a program that has closed its standard input, so
// that the Mux, or else a sender and what watches it, get descriptor 0. A child
// reads from its output meanwhile.
func descriptorZero(args []string) int {
	muxtest.InitPoller()
	if args[1] == "before" {
		os.Stdin.Close()
	}
	m := muxtest.Must(muxtest.MuxOf(args[0], ""))
	os.Stdin.Close()
	f := muxtest.Must(m.MakeTaggedSender("x"))
	copied := muxtest.Must(unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 100))
	f.Close()
	for range 2 {
		unix.Recvfrom(copied, make([]byte, 10), unix.MSG_DONTWAIT)
		muxtest.Tick() // so that it is watched again
		if _, ok, err := m.TryRead(); ok || err != nil {
			return muxtest.CheckFailed("got %v, %v", ok, err)
		}
	}
	muxtest.Must(unix.Write(copied, []byte("data")))
	unix.Close(copied)
	if d, err := m.Read(); err != nil || string(d.Data) != "data" {
		return muxtest.CheckFailed("got %q, %v", d.Data, err)
	}
	if _, err := m.Read(); err != io.EOF {
		return muxtest.CheckFailed("at the end: %v", err)
	}
	m.Close()
	return 0
}

func TestDescriptorZero(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, _ *iomux.Mux) {
		if k.Pipe {
			t.Skip("nobody can read from the write end of a pipe")
		}
		muxtest.RunCheck(t, "descriptorZero", k.Name, "before")
		muxtest.RunCheck(t, "descriptorZero", k.Name, "after")
	})
}

// holdSenders makes so many senders, tells so, and keeps them until its standard
// input ends.
func holdSenders(args []string) int {
	muxtest.BecomeOrdinary(args[0])
	m := muxtest.Must(iomux.NewAbstract())
	for range muxtest.Must(strconv.Atoi(args[1])) {
		muxtest.Must(m.MakeSender())
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	return 0
}

// tooManyRefs makes a sender when its user has more of them than one process may
// have descriptors, then one when that is no longer so.
func tooManyRefs(args []string) int {
	muxtest.BecomeOrdinary(args[0])
	muxtest.InitPoller()
	m := muxtest.Must(muxtest.MuxOf(args[1], ""))
	files := len(muxtest.OpenFiles())
	muxtest.SetLimit(50, 50)
	if sendsDescriptor() == nil {
		fmt.Println("unlimited")
		return 0
	}
	f, err := m.MakeSender()
	if f != nil || !errors.Is(err, unix.ETOOMANYREFS) || !strings.Contains(err.Error(), "sendmsg") {
		return muxtest.CheckFailed("got %v, %v", f, err)
	}
	if now := len(muxtest.OpenFiles()); now != files {
		return muxtest.CheckFailed("%d descriptors are open, were %d", now, files)
	}
	fmt.Println("refused")
	io.Copy(io.Discard, os.Stdin)
	if f, err = m.MakeTaggedSender("x"); err != nil {
		return muxtest.CheckFailed("later: %v", err)
	}
	fmt.Fprint(f, "data")
	if d, err := m.Read(); err != nil || d.Tag != "x" {
		return muxtest.CheckFailed("got %q, %v", d.Tag, err)
	}
	return 0
}

// sendsDescriptor sends a descriptor to itself, as one more in flight.
func sendsDescriptor() error {
	fd, address := muxtest.NamedSocket()
	defer unix.Close(fd)
	return unix.Sendmsg(fd, []byte{0}, unix.UnixRights(fd), address, unix.MSG_DONTWAIT)
}

func TestTooManyRefs(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, _ *iomux.Mux) {
		if k.Pipe {
			t.Skip("pipes are not sent anywhere")
		}
		uid := strconv.Itoa(61_000 + os.Getpid()%4000)
		holder := muxtest.Child("holdSenders", uid, "80")
		stop, wait := muxtest.StartReady(t, holder, "ready\n")
		refused := muxtest.Child("tooManyRefs", uid, k.Name)
		goOn, waitRefused := muxtest.StartReady(t, refused, "refused\n")
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
