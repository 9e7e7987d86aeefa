//go:build amd64 || arm64

package tty_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux/internal/muxtest"
	"github.com/seed-5082a588/iomux/tty"
)

// stormChild asks from several threads, under signals, and starts children that
// ask. It says "ok" at its end unless an answer was wrong; it may be killed at
// any time.
func stormChild(args []string) int {
	seed := must(strconv.Atoi(args[0]))
	depth := must(strconv.Atoi(args[1]))
	r := rand.New(rand.NewPCG(uint64(seed), uint64(depth)))
	signal.Notify(make(chan os.Signal, 1), unix.SIGUSR1)
	var wrong atomic.Bool
	var wg sync.WaitGroup
	for range 3 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 5 {
				w, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ)
				if err != nil || w.Row != uint16(seed) || w.Col != 80 {
					wrong.Store(true)
				}
				unix.Kill(os.Getpid(), unix.SIGUSR1)
				if _, err := unix.IoctlGetTermios(0, unix.TCGETS); err != unix.ENOTTY {
					wrong.Store(true)
				}
			}
		}()
	}
	if depth > 0 && r.IntN(3) == 0 {
		cmd := child("storm", args[0], strconv.Itoa(depth-1))
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		if cmd.Start() == nil && r.IntN(2) == 0 {
			cmd.Process.Kill()
		}
		defer cmd.Wait()
	}
	wg.Wait()
	if wrong.Load() {
		fmt.Println("wrong")
		return 1
	}
	fmt.Println("ok")
	return 0
}

// TestStorm runs many commands at once, each on a terminal of its own size, that
// are killed at random: 2,000 with IOMUX_STRESS=5. None gets a wrong answer, and
// nothing is left.
func TestStorm(t *testing.T) {
	watch(t)
	runOnPipe(t, tty.Terminal{}, exec.Command("true"))
	checkNothingLeft(t)
	in, keys, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer keys.Close()
	var next, killed atomic.Int64
	total := int64(muxtest.Rounds(400))
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := next.Add(1); n <= total; n = next.Add(1) {
				if stormOne(t, int(n%1000)+1, in) {
					killed.Add(1)
				}
			}
		}()
	}
	wg.Wait()
	t.Logf("%d of %d were killed", killed.Load(), total)
}

func stormOne(t *testing.T, rows int, in *os.File) (killed bool) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Error(err)
		return false
	}
	defer r.Close()
	cmd := child("storm", strconv.Itoa(rows), "2")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, w, w
	err = tty.Terminal{Rows: uint16(rows)}.Start(cmd)
	w.Close()
	if err != nil {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Error(err)
		}
		return false
	}
	if killed = rand.IntN(3) == 0; killed {
		time.Sleep(time.Duration(rand.IntN(8000)) * time.Microsecond)
		cmd.Process.Kill()
	}
	text := string(must(io.ReadAll(r)))
	cmd.Wait()
	if strings.Trim(text, "ok\n") != "" || !killed && text == "" {
		t.Errorf("got %q", text)
	}
	return killed
}

// fuzzChild makes a call that is asked about, with such arguments, and reports
// what came of it. First it asks something reasonable, and at last again.
func fuzzChild(args []string) int {
	var a [6]uintptr
	for i := range a {
		a[i] = uintptr(must(strconv.ParseUint(args[1+i], 0, 64)))
	}
	call := uintptr(must(strconv.Atoi(args[0])))
	page := must(unix.Mmap(-1, 0, 2*os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE))
	unix.Mprotect(page[os.Getpagesize():], unix.PROT_NONE)
	for i := range a {
		if a[i] >= 1<<48 && a[i] < 1<<48+uintptr(len(page)) { // an address in these pages
			a[i] = uintptr(unsafe.Pointer(&page[0])) + a[i] - 1<<48
		}
	}
	_, _, errno := unix.Syscall6(call, a[0], a[1], a[2], a[3], a[4], a[5])
	runtime.KeepAlive(page)
	if errno == unix.ENOSYS {
		return 1
	}
	if _, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ); err != nil {
		return 2
	}
	return 0
}

// FuzzQuestions has a command make calls that are asked about with odd
// arguments: descriptors, requests, addresses at the end of memory or nowhere.
// Each gets an answer, and the terminal goes on.
func FuzzQuestions(f *testing.F) {
	const at = uint64(1 << 48) // see fuzzChild
	end := at + uint64(os.Getpagesize())
	addresses := []uint64{0, 1, at, end - 1, end - 36, end - 8, 1<<64 - 1, 1 << 63}
	for i, request := range []uint64{0x5401, 0x5402, 0x5404, 0x5409, 0x540a, 0x540b, 0x5411, 0x5413, 0x5414, 0x5421, 0x5425, 0x802c542a, 0x402c542b} {
		f.Add(uint8(0), uint64(1), request, addresses[i%len(addresses)], uint64(0), uint64(0))
		f.Add(uint8(0), uint64(1<<32+2), request|1<<40, end-uint64(i), uint64(0), uint64(0))
	}
	f.Add(uint8(0), uint64(1<<31), uint64(0x5401), at, uint64(0), uint64(0))
	for call := range uint8(4) {
		f.Add(call, uint64(1), at, at+8, uint64(0x1000), at+16)
		f.Add(call, uint64(2), end-1, end-100, uint64(0x11ff), end-100)
		f.Add(call, uint64(1), uint64(0), at, uint64(1<<64-1), uint64(0))
		f.Add(call, uint64(2), at, uint64(0x1000), uint64(1<<31), at)
	}
	calls := []uintptr{unix.SYS_IOCTL, unix.SYS_FSTAT, sysFstatat, unix.SYS_STATX}
	f.Fuzz(func(t *testing.T, call uint8, a, b, c, d, e uint64) {
		watch(t)
		args := []string{strconv.Itoa(int(calls[int(call)%len(calls)]))}
		for _, v := range []uint64{a, b, c, d, e, 0} {
			args = append(args, strconv.FormatUint(v, 10))
		}
		cmd := child("fuzz", args...)
		if text := runOnPipe(t, tty.Terminal{}, cmd); !cmd.ProcessState.Success() {
			t.Errorf("%v: %v %s", args, cmd.ProcessState, text)
		}
	})
}
