package wait_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux/internal/wait"
)

// watch ends the program with all stacks if the test hangs: that is a lost wake-up.
func watch(t *testing.T) {
	timer := time.AfterFunc(time.Minute, func() {
		fmt.Fprintln(os.Stderr, t.Name(), "hangs")
		pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
		os.Exit(2)
	})
	t.Cleanup(func() { timer.Stop() })
}

// forProcs runs test with one and with two processors: with one nobody looks.
func forProcs(t *testing.T, test func(t *testing.T)) {
	for _, n := range []int{1, 2} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
			watch(t)
			test(t)
		})
	}
}

func pause(r *rand.Rand) {
	switch r.IntN(4) {
	case 0:
		time.Sleep(time.Duration(r.IntN(100)) * time.Microsecond)
	case 1:
		for range r.IntN(20) {
			runtime.Gosched()
		}
	}
}

// Every Wake ends a Park that began before it or begins after it.
func TestWakeIsNotLost(t *testing.T) {
	forProcs(t, func(t *testing.T) {
		w, err := wait.ForAdded[int]()
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		const wakers, rounds = 3, 500
		var said [wakers]atomic.Int64
		var heard [wakers]atomic.Int64
		var all sync.WaitGroup
		for i := range wakers {
			all.Add(1)
			go func() {
				defer all.Done()
				r := rand.New(rand.NewPCG(1, uint64(i)))
				for n := int64(1); n <= rounds; n++ {
					pause(r)
					said[i].Store(n)
					w.Wake()
					for heard[i].Load() < n { // only a Park that returns gets it on
						runtime.Gosched()
					}
				}
			}()
		}
		for ended := false; !ended; {
			if !w.Look() {
				if err := w.Park(); err != nil {
					t.Fatal(err)
				}
			}
			ended = true
			for i := range said {
				n := said[i].Load()
				heard[i].Store(n)
				ended = ended && n == rounds
			}
		}
		all.Wait()
	})
}

// Every message of a socket and every hangup ends a Park, among wakes.
func TestEventsAreNotLost(t *testing.T) {
	forProcs(t, func(t *testing.T) {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(pair[0])
		defer unix.Close(pair[1])
		w, err := wait.ForSocket[int](pair[0])
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		const rounds = 3000
		r := rand.New(rand.NewPCG(2, 3))
		var p [2]int
		var id wait.ID
		for n := range rounds {
			hangsUp := r.IntN(4) == 0
			if hangsUp {
				if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
					t.Fatal(err)
				}
				if id, err = w.Add(p[0], wait.Hangup, n); err != nil {
					t.Fatal(err)
				}
			}
			seed, end := r.Uint64(), p[1]
			go func() {
				r := rand.New(rand.NewPCG(seed, 4))
				if r.IntN(3) == 0 {
					w.Wake()
				}
				pause(r)
				if hangsUp {
					unix.Close(end)
				} else {
					unix.Write(pair[1], []byte{1})
				}
			}()
			for got := false; !got; {
				if v, hungUp, ok := w.Next(); ok {
					if !hangsUp || !hungUp || v != n {
						t.Fatalf("event of %d, %v in round %d", v, hungUp, n)
					}
					w.Remove(id)
					unix.Close(p[0])
					break
				}
				if _, err := unix.Read(pair[0], make([]byte, 2)); err == nil {
					break
				}
				if !w.Look() {
					if err := w.Park(); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	})
}

// Pipes that are added come in the order of the writes, each once, also among Parks.
func TestAddedInOrder(t *testing.T) {
	forProcs(t, func(t *testing.T) {
		w, err := wait.ForAdded[int]()
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		const pipes, writes = 4, 20_000
		var ends [pipes][2]int
		for i := range ends {
			if err := unix.Pipe2(ends[i][:], unix.O_CLOEXEC|unix.O_DIRECT); err != nil {
				t.Skip(err)
			}
			unix.FcntlInt(uintptr(ends[i][0]), unix.F_SETPIPE_SZ, os.Getpagesize())
			unix.SetNonblock(ends[i][0], true)
			if _, err := w.Add(ends[i][0], wait.Readable, i); err != nil {
				t.Fatal(err)
			}
			defer unix.Close(ends[i][0])
			defer unix.Close(ends[i][1])
		}
		go func() {
			r := rand.New(rand.NewPCG(5, 6))
			for range writes {
				unix.Write(ends[r.IntN(pipes)][1], []byte{1})
			}
		}()
		r := rand.New(rand.NewPCG(5, 6))
		for n := 0; n < writes; {
			v, _, ok := w.Next()
			if !ok {
				if !w.Look() {
					if err := w.Park(); err != nil {
						t.Fatal(err)
					}
				}
				continue
			}
			if _, err := unix.Read(ends[v][0], make([]byte, 2)); err != nil {
				continue
			}
			if want := r.IntN(pipes); v != want {
				t.Fatalf("write %d came from %d, want %d", n, v, want)
			}
			n++
		}
	})
}
