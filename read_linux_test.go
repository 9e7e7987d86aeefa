//go:build !test_portable && !arm

package iomux_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/seed-5082a588/iomux"
	"golang.org/x/sys/unix"
)

func init() {
	children["restricted"] = restricted
	children["littleSpace"] = littleSpace
}

// A kernel that delivers more than was thought possible: the message that is cut
// is told of, those beside it are whole, and it happens once.
func TestCutMessage(t *testing.T) {
	watch(t)
	leakCheck(t)
	m := must(iomux.New())
	defer m.Close()
	if !m.ShortenSlots(8) {
		t.Skip("the system gives no slots")
	}
	f := newSender(t, m, "x")
	for _, data := range []string{"1", "12345678", "123456789", "longer than that", "5"} {
		send(t, f, data)
	}
	for _, want := range []string{"1", "12345678", "12345678", "longer t", "5"} {
		wantRead(t, m, "x", want)
	}
	send(t, f, "as long as you like")
	if d, err := m.Read(); !errors.Is(err, unix.EMSGSIZE) {
		t.Errorf("got %q, %v, want EMSGSIZE", d.Data, err)
	}
	wantRead(t, m, "x", "as long as you like")
	wantNothing(t, m)
}

// refuseRange makes the kernel refuse a system call of this thread whose second
// argument is at least low and less than high, for good (seccomp(2)).
func refuseRange(call uintptr, low, high uint32, errno unix.Errno) error {
	const nr, secondArg = 0, 24 // in struct seccomp_data, on little-endian machines
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: nr},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(call), Jf: 4},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: secondArg},
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: low, Jf: 2},
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: high, Jt: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
}

// restricted uses a Mux where the system call in its argument fails: what batches
// need is not there.
func restricted(args []string) int {
	runtime.LockOSThread() // the filter is this thread's
	var err error
	switch args[0] {
	case "recvmmsg-ENOSYS":
		err = refuseRange(unix.SYS_RECVMMSG, 0, 1<<32-1, unix.ENOSYS)
	case "recvmmsg-EPERM":
		err = refuseRange(unix.SYS_RECVMMSG, 0, 1<<32-1, unix.EPERM)
	case "mmap": // of slots, not of what the runtime asks for
		err = refuseRange(unix.SYS_MMAP, 40<<20, 60<<20, unix.ENOMEM)
	}
	if err != nil {
		fmt.Println("skip:", err)
		return 0
	}
	m := must(iomux.New())
	defer m.Close()
	f := must(m.MakeTaggedSender("x"))
	sizes := []int{1, 0, 5000, 1, 150_000, 3}
	go func() {
		defer f.Close()
		for i, size := range sizes {
			f.Write(binary.BigEndian.AppendUint32(make([]byte, size), uint32(i)))
		}
	}()
	for i, size := range sizes {
		d, err := m.Read()
		if err != nil || d.Tag != "x" || len(d.Data) != size+4 || d.Data[size+3] != byte(i) || d.PID == 0 {
			return checkFailed("got %d bytes of %q, %v, want %d", len(d.Data), d.Tag, err, size+4)
		}
	}
	if _, err := m.Read(); err != io.EOF {
		return checkFailed("at the end: %v", err)
	}
	if m.Batches() {
		return checkFailed("nothing was refused: what does this test?")
	}
	return 0
}

// Where batches cannot be had, messages come one by one.
func TestWithoutBatches(t *testing.T) {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("the filter is for system calls of 64-bit little-endian machines")
	}
	for _, what := range []string{"recvmmsg-ENOSYS", "recvmmsg-EPERM", "mmap"} {
		t.Run(what, func(t *testing.T) { runCheck(t, "restricted", what) })
	}
}

// littleSpace allows itself as many MiB of address space more as its first argument
// says, and uses a Mux of each kind in the others. Go has got its heap by then: it
// could not live with less.
func littleSpace(args []string) int {
	initPoller()
	b := make([]byte, 20_000)
	var pages uint64
	must(fmt.Sscan(string(must(os.ReadFile("/proc/self/statm"))), &pages))
	space := pages*uint64(os.Getpagesize()) + uint64(must(strconv.Atoi(args[0])))<<20
	must(0, unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: space, Max: space}))
	for _, k := range args[1:] {
		m := must(muxOf(k, os.TempDir()))
		f := must(m.MakeTaggedSender("x"))
		done := inBackground(func() error {
			defer f.Close()
			for i := range 2000 { // the longest first, which makes no garbage
				if _, err := f.Write(b[:len(b)-i*10]); err != nil {
					return err
				}
			}
			return nil
		})
		total := 0
		for d, err := range m.All(context.Background()) {
			if err != nil {
				return checkFailed("%s: %v", k, err)
			}
			total += len(d.Data)
		}
		if err := <-done; err != nil || total != 10*2001*1000 {
			return checkFailed("%s: %d bytes came, %v", k, total, err)
		}
		if k != "NewPipe" && m.Batches() {
			return checkFailed("there was space for batches: what does this test?")
		}
		m.Close()
	}
	return 0
}

// Where there is less address space (RLIMIT_AS) than batches need there are none,
// and all else works.
func TestLittleSpace(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector needs much address space")
	}
	watch(t)
	for _, more := range []string{"24", "48"} {
		runCheck(t, "littleSpace", more, "New", "NewIn", "NewAbstract", "NewPipe")
	}
}

// The runtime is told of a receive before it is made: for some time after a long
// message, and when there was time to write long ones since the last receive.
func TestLongReceives(t *testing.T) {
	watch(t)
	leakCheck(t)
	m := must(iomux.New())
	defer m.Close()
	f := newSender(t, m, "x")
	read := func(data string, told bool) {
		t.Helper()
		send(t, f, data)
		wantRead(t, m, "x", data)
		if m.ToldRuntime() != told {
			t.Errorf("of the receive of %d bytes the runtime was told: %v", len(data), !told)
		}
	}
	m.TellAfter(time.Hour)
	read("first", false)
	long := strings.Repeat("x", 100<<10)
	read(long, false)
	for range 100 {
		read("soon after", true)
	}
	read("late", false)
	m.TellAfter(0)
	read("idle before", true)
}

// The memory of large messages stays while they keep coming, and is given back, after
// which it reads as zeros, when none has come for a while.
func TestMemoryGivenBack(t *testing.T) {
	watch(t)
	leakCheck(t)
	m := must(iomux.New())
	defer m.Close()
	f := newSender(t, m, "x")
	large := bytes.Repeat([]byte("x"), 32<<10)
	var d iomux.TaggedData
	for range 3 {
		must(f.Write(large))
		if d = must(m.Read()); !m.Batches() {
			t.Skip("there are no slots to look at")
		}
		m.CheckUnwatched()
		if !bytes.Equal(d.Data, large) {
			t.Fatal("memory was given back although a large message had just come")
		}
	}
	m.CheckUnwatched()
	if !bytes.Equal(d.Data, make([]byte, len(large))) {
		t.Error("memory was not given back after a while without a message")
	}
}

// Closed senders are removed although the queue is never seen empty.
func TestSendersRemovedWhileBusy(t *testing.T) {
	watch(t)
	leakCheck(t)
	m := must(muxOf("NewSingle", ""))
	defer m.Close()
	f := newSender(t, m, "x")
	short := must(m.MakeTaggedSender("short"))
	send(t, f, "data")
	short.Close()
	busy := func() {
		for range 3000 {
			send(t, f, "data")
			wantRead(t, m, "x", "data")
		}
	}
	busy()
	m.SkipFills()
	busy()
	if n := m.Rows(); n != 1 {
		t.Errorf("%d senders are remembered", n)
	}
}

// wantBetween wants a time between two others, by the system's clock.
func wantBetween(t testing.TB, at, after, before time.Time) {
	t.Helper()
	if at = at.Round(0); at.Before(after.Round(0)) || at.After(before.Round(0)) {
		t.Errorf("Time is %v, want one from %v to %v", at, after.Round(0), before.Round(0))
	}
}

func TestTimeAndPID(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		f := newSender(t, m, "x")
		cmd := exec.Command("sh", "-c", "echo $$; sh -c 'echo $$; exit'; echo $$")
		cmd.Stdout = f
		before := time.Now()
		if k.Pipe {
			start(t, cmd)
		} else if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		written := time.Now()
		for i := range 3 {
			d, err := m.Read()
			if err != nil {
				t.Fatal(err)
			}
			pid := must(strconv.Atoi(strings.TrimSpace(string(d.Data))))
			if i != 1 && pid != cmd.Process.Pid || i == 1 && pid == cmd.Process.Pid {
				t.Errorf("line %d comes from %d, the child is %d", i, pid, cmd.Process.Pid)
			}
			if k.Pipe { // knows when it was read, and not by whom it was written
				pid, written = 0, time.Now()
			}
			if d.PID != pid {
				t.Errorf("PID is %d, want %d", d.PID, pid)
			}
			wantBetween(t, d.Time, before, written)
			before = d.Time
		}
		before = time.Now()
		send(t, f, "own")
		d := must(m.Read())
		wantBetween(t, d.Time, before, time.Now())
		if want := os.Getpid(); !k.Pipe && d.PID != want {
			t.Errorf("PID is %d, want this process, %d", d.PID, want)
		}
	})
}

// Of a write that had to wait, the time when it got its place in the queue.
func TestTimeOfWaitingWrite(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		if k.Pipe {
			t.Skip("a pipe does not know when it was written to")
		}
		f, late := newSender(t, m, "x"), newSender(t, m, "late")
		queued := 0
		for ; ; queued++ {
			err := unix.Sendto(int(f.Fd()), []byte("fill"), unix.MSG_DONTWAIT, nil)
			if errors.Is(err, unix.EAGAIN) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		full := time.Now()
		written := inBackground(func() time.Time { late.WriteString("late"); return time.Now() })
		reading := time.Now()
		for range queued {
			wantRead(t, m, "x", "fill")
		}
		d, err := m.Read()
		if err != nil || d.Tag != "late" {
			t.Fatalf("got %q, %v", d.Tag, err)
		}
		wantBetween(t, d.Time, reading, <-written)
		if d.Time.Before(full.Round(0)) {
			t.Error("its time is when the queue was still full")
		}
	})
}
