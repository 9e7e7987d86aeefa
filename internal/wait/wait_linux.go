// Package wait waits: for events of descriptors, and to be woken.
package wait

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Waiter lets one goroutine at a time wait until one of its descriptors has an
// event, or until another goroutine wakes it. It sleeps on an epoll instance,
// which is itself watched by the runtime's poller. Every event is reported
// through all of them (epoll(7), and measured on 6.18).
//
// Next, Found, Ready, Look and Park are for one goroutine at a time, the reader. Close must be
// the last call but for Wake and WakeAfter, and no reader may be left then.
// Everything else may be called at any time.
type Waiter[T any] struct {
	file  *os.File // the epoll instance to sleep on, nonblocking
	conn  syscall.RawConn
	check func(fd uintptr) bool // for conn.Read, made once for all sleeps

	sleep   epoll // file, by its descriptor
	events  epoll // has what was added: sleep, or one of its own
	stream  stream
	backoff backoff
	armed   bool  // stream can end a sleep
	checked bool  // in this Park
	found   event // taken by Look or Park, and not yet by Next; or noEvent

	retryAt time.Time // when to try again to arm the stream

	woken atomic.Bool // Wake was called, and no Park has returned since

	mu    sync.Mutex // guards what follows
	last  ID         // the last one that was given
	added map[ID]entry[T]
}

// An ID names what was added to a Waiter. It is never used again, unlike the
// number of a descriptor: an event may have been taken before its descriptor was
// removed. The zero ID is never given.
type ID uint64

type entry[T any] struct {
	fd     int
	events uint32
	value  T
}

// A Trigger is what makes an event of a descriptor that was added.
type Trigger uint32

const (
	// Readable reports when something new can be read, or the descriptor hung up,
	// with one event each time (EPOLLET in epoll(7)). Events of different
	// descriptors are reported in the order in which they happened.
	Readable Trigger = readable

	// Hangup reports when the descriptor hung up, until it is removed.
	Hangup Trigger = silent
)

// retryAfter is when to look again for what could not be watched.
const retryAfter = 50 * time.Millisecond

// ForSocket returns a Waiter for the messages that come to a socket, and for
// rare events of what is added. The socket stays the caller's, who closes it
// after the Waiter. Park returns when there is a message; Next does not report
// that.
func ForSocket[T any](socket int) (*Waiter[T], error) {
	w, err := newWaiter[T](socketLooks)
	if err != nil {
		return nil, err
	}
	w.events = w.sleep
	w.stream = &socketStream{socket: socket, sleep: w.sleep}
	return w, nil
}

// ForAdded returns a Waiter for many events of what is added.
func ForAdded[T any]() (*Waiter[T], error) {
	w, err := newWaiter[T](addedLooks)
	if err != nil {
		return nil, err
	}
	if w.events, err = newEpoll(); err != nil {
		w.file.Close()
		return nil, err
	}
	if err := w.sleep.add(int(w.events), 0, readable); err != nil {
		w.Close()
		return nil, err
	}
	w.armed = true
	w.stream = &addedStream{events: w.events, sleep: w.sleep, find: w.find}
	return w, nil
}

func newWaiter[T any](looks int) (*Waiter[T], error) {
	e, err := newEpoll()
	if err != nil {
		return nil, err
	}
	// os.NewFile looks for that. There is no other flag to be kept.
	if _, err := unix.FcntlInt(uintptr(e), unix.F_SETFL, unix.O_NONBLOCK); err != nil {
		unix.Close(int(e))
		return nil, os.NewSyscallError("fcntl", err)
	}
	w := &Waiter[T]{sleep: e, file: os.NewFile(uintptr(e), "epoll"), backoff: newBackoff(looks), added: make(map[ID]entry[T])}
	// This fails if the runtime's poller has refused the file, as the first sleep would.
	if err := w.file.SetReadDeadline(time.Time{}); err != nil {
		w.file.Close()
		return nil, fmt.Errorf("epoll_ctl of the runtime: %w", err)
	}
	if w.conn, err = w.file.SyscallConn(); err != nil {
		w.file.Close()
		return nil, err
	}
	w.check = w.beforeSleep
	return w, nil
}

// Add adds fd, whose events Next reports with v. fd must be removed before it is
// closed.
func (w *Waiter[T]) Add(fd int, t Trigger, v T) (ID, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.events.add(fd, w.last+1, uint32(t)); err != nil {
		return 0, err
	}
	w.last++
	w.added[w.last] = entry[T]{fd, uint32(t), v}
	return w.last, nil
}

// Rearm has an event reported anew if there is reason for one now. It comes
// after those that are there already.
func (w *Waiter[T]) Rearm(id ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e, ok := w.added[id]; ok {
		w.events.modify(e.fd, id, e.events) // fails only for what is not there
	}
}

// Remove removes what was added under this ID, if it is there. Next reports no
// event of it any more.
func (w *Waiter[T]) Remove(id ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, ok := w.added[id]
	if !ok {
		return
	}
	w.events.remove(e.fd)
	delete(w.added, id)
	if len(w.added) == 0 {
		w.added = make(map[ID]entry[T]) // a map does not shrink
	}
}

// FD returns the descriptor of the epoll instance to sleep on, for a caller that
// needs one which nobody can write to. It stays the Waiter's.
func (w *Waiter[T]) FD() int { return int(w.sleep) }

// Len returns how many descriptors there are that were added and not removed.
func (w *Waiter[T]) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.added)
}

// Values returns the values of what was added and not removed.
func (w *Waiter[T]) Values() []T {
	w.mu.Lock()
	defer w.mu.Unlock()
	values := make([]T, 0, len(w.added))
	for _, e := range w.added {
		values = append(values, e.value)
	}
	return values
}

// Next takes the next event, if there is one. It does not wait.
func (w *Waiter[T]) Next() (v T, hungUp, ok bool) {
	for {
		ev := w.found
		w.found = noEvent
		if ev == noEvent {
			if ev, ok = w.events.next(); !ok {
				return v, false, false
			}
		}
		w.mu.Lock()
		e, ok := w.added[ev.id()]
		w.mu.Unlock()
		if ok { // else it is the stream's, or of what is removed by now
			return e.value, ev&hangup != 0, true
		}
	}
}

// Found reports whether Look or Park has returned for an event that Next will
// take. It makes no system call.
func (w *Waiter[T]) Found() bool { return w.found != noEvent }

// Ready looks once whether there is an event that Next will take.
func (w *Waiter[T]) Ready() bool { return w.Found() || w.find() }

// Look waits a while for an event or a message without sleeping, if one is likely to
// come soon. It reports whether one came. If not, the caller may park: Wake ends Look,
// but does not count as an event. As with Park, the caller must have taken every event
// and received every message before.
func (w *Waiter[T]) Look() bool {
	if w.Found() {
		return true
	}
	if !w.backoff.due() {
		return false
	}
	w.disarm()
	found, took := w.look()
	if !w.woken.Load() {
		w.backoff.looked(found, took)
	}
	return found
}

// Park sleeps until there is an event or a message, or until Wake is called. It
// returns at once if that was before, and sometimes for no reason. It may be called
// only when there was nothing at last: the caller must have taken every event and
// received every message since Park returned. After Close it returns an error of
// the os package.
func (w *Waiter[T]) Park() error {
	w.checked = false
	err := w.conn.Read(w.check)
	late := errors.Is(err, os.ErrDeadlineExceeded)
	if late || w.woken.Load() {
		// Before the caller looks at what it was woken for: a Wake from here on is
		// for the next Park.
		w.woken.Store(false)
		w.file.SetReadDeadline(time.Time{})
	}
	if late {
		return nil
	}
	return err
}

// beforeSleep reports whether there is reason not to sleep. After a sleep it is
// called again, and the caller will see the reason by itself.
func (w *Waiter[T]) beforeSleep(uintptr) bool {
	if w.checked || w.Found() || w.woken.Load() {
		return true
	}
	w.checked = true
	w.arm()
	return w.find() // what was reported before conn.Read began ends no sleep
}

// arm has the stream end the sleep that follows, at once if it has something
// already.
func (w *Waiter[T]) arm() {
	if w.armed {
		return
	}
	w.armed = w.stream.arm() == nil
	if !w.armed { // no memory for it now, or too many watches (epoll_ctl(2))
		w.retryLater()
	}
}

// retryLater has the reader woken to arm the stream again, by one timer at a time.
func (w *Waiter[T]) retryLater() {
	now := time.Now()
	if left := w.retryAt.Sub(now); left <= 0 || left > retryAfter { // or by another clock
		w.retryAt = now.Add(retryAfter)
		w.WakeAfter(retryAfter)
	}
}

func (w *Waiter[T]) disarm() {
	if w.armed {
		w.stream.disarm()
		w.armed = false
	}
}

// find looks for an event, and leaves it for Next.
func (w *Waiter[T]) find() bool {
	ev, ok := w.events.next()
	if ok && ev.id() != 0 {
		w.found = ev
	}
	return ok
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// Wake makes the Park that is under way, or else the next one, return. What the
// caller of Park is to see must be set before.
func (w *Waiter[T]) Wake() {
	w.woken.Store(true)             // ends looking
	w.file.SetReadDeadline(longAgo) // ends a sleep, and means nothing else
}

// WakeAfter calls Wake after d, also if the Waiter is closed by then: that has no effect.
// Its timer is not kept, because a timer that was made in a bubble of testing/synctest
// must not be touched from outside.
func (w *Waiter[T]) WakeAfter(d time.Duration) { time.AfterFunc(d, w.Wake) }

// Close gives the descriptors of the Waiter back. Those that were added stay
// open: they are the caller's.
func (w *Waiter[T]) Close() {
	w.file.Close()
	if w.events != w.sleep {
		unix.Close(int(w.events))
	}
}
