package wait

import (
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux/internal/testhook"
)

// A reader that goes to sleep costs the writer and itself more than a short
// wait. So it first looks a number of times whether something comes, as long as
// that pays.

const (
	// socketLooks is how often the queue of a socket is looked at before a sleep:
	// about as long as a child takes to answer what it was told.
	socketLooks = 100

	// addedLooks is that for descriptors that each hold one write: a reader that
	// sleeps stops its writers.
	addedLooks = 200

	// yieldEvery is after how many looks in vain the processor is offered to
	// others: the writer may be waiting for it, and then nothing can come.
	yieldEvery = 8

	// longestLook is many times as long as looking takes if nobody else wants the
	// processor. Somebody who does may keep it for milliseconds after each offer.
	longestLook = 500 * time.Microsecond

	// worthLooking is how long looking may take to be worth it: looking for longer
	// costs more processor time than a sleep and the wake-up after it. In a stream
	// of messages a few may be late all the same: up to lateInARow late finds in a
	// row count as finds. A find after longestLook never does, because others had
	// the processor.
	worthLooking = 20 * time.Microsecond
	lateInARow   = 4

	// maxSkip is how often looking is left out at most: often enough to notice that
	// something keeps coming again, seldom enough to cost an idle reader nothing. Like
	// the numbers before it (2, 6, 14, 30) it is even, so that a look is due after an odd
	// number of sleeps: where every second or fourth sleep is long, looks do not meet
	// only those.
	maxSkip = 60
)

// A backoff decides before which sleeps to look.
type backoff struct {
	looks int // at most before a sleep; 0 where looking takes the processor from the writers
	skip  int // how many sleeps go without a look after a look in vain
	left  int // how many of these are left
	late  int // late finds since the last find that was soon enough
}

func newBackoff(looks int) backoff {
	if runtime.NumCPU() == 1 || runtime.GOMAXPROCS(0) == 1 || testhook.NeverLook.Load() {
		looks = 0
	}
	return backoff{looks: looks}
}

// due reports whether to look before this sleep.
func (b *backoff) due() bool {
	if b.left > 0 {
		b.left--
		return false
	}
	return b.looks > 0
}

// looked notes whether that brought something, after what time.
func (b *backoff) looked(found bool, took time.Duration) {
	switch {
	case found && took < worthLooking:
		b.skip, b.late = 0, 0
		return
	case found && took < longestLook && b.late < lateInARow:
		b.late++
		return
	}
	b.skip = min(2*b.skip+2, maxSkip)
	b.left = b.skip
}

// look looks for something to wake up for, until that is no longer worth it. It
// returns how long that took, or 0 if it has not offered the processor to others.
func (w *Waiter[T]) look() (found bool, took time.Duration) {
	start := time.Now()
	for i := range w.backoff.looks {
		pause := i%yieldEvery == yieldEvery-1
		if pause {
			unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		}
		found = w.stream.ready()
		if i >= yieldEvery-1 && (found || pause) {
			took = time.Since(start)
		}
		if found || w.woken.Load() || took > longestLook {
			break
		}
	}
	return found, took
}

// A stream is where most of what a reader waits for comes from. It is in the
// epoll instance that the reader sleeps on only around a sleep: otherwise the
// kernel would report each message to the runtime's poller, under locks that the
// reader needs, and might wake a thread for it.
type stream interface {
	ready() bool // reports whether there is something
	arm() error  // lets what comes end a sleep, and what is there already
	disarm()
}

// A socketStream is the queue of a socket.
type socketStream struct {
	socket int
	sleep  epoll
}

func (s *socketStream) arm() error { return s.sleep.add(s.socket, 0, readable) }
func (s *socketStream) disarm()    { s.sleep.remove(s.socket) }

// ready does not take the lock that the writers need; a receive would take it, even
// from an empty queue.
func (s *socketStream) ready() bool {
	fds := unix.PollFd{Fd: int32(s.socket), Events: unix.POLLIN}
	var now unix.Timespec
	n, _, _ := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
	return n == 1
}

// An addedStream is the epoll instance of what was added. It always stays in the
// instance to sleep on, and only its events change: to add it, the kernel would
// visit everything in it.
type addedStream struct {
	events, sleep epoll
	find          func() bool
}

func (s *addedStream) ready() bool { return s.find() }
func (s *addedStream) arm() error  { return s.sleep.modify(int(s.events), 0, readable) }
func (s *addedStream) disarm()     { s.sleep.modify(int(s.events), 0, silent) }
