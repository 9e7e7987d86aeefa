package iomux

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A poller waits for events: it parks on an epoll instance, which itself parks
// on the runtime's poller. Every event is told anew through all of them
// (epoll(7), measured with nesting on 6.18).
//
// What tells of messages, its source, is in that instance only for a park, and
// stays there while messages come one by one. While they keep coming it is not:
// the kernel would tell each message to the runtime's poller, which takes a
// fifth of the rate of sockets (measured on 6.18), and more where a thread of the
// runtime sleeps in there, as one does in a program with a timer.
//
// park needs the turn, and nothing else; wake needs nothing; all others need the
// lock of the Mux, and find, take, poll and received are called only while nobody
// is parked: by who has the turn, or has seen under the lock that nobody has.
type poller struct {
	file  *os.File // the epoll instance to park on
	conn  syscall.RawConn
	check func(fd uintptr) bool // for conn.Read, made once for all parks

	parking epoll // file, by its descriptor
	events  epoll // gives the events: parking, or the source if that is one
	source  int
	watched bool // source is in parking
	got     int  // messages since the last park
	enough  int  // so many are worth it to take the source out
	brake   []epoll
	retry   alarm // wakes the reader where the source could not be put into parking

	checked bool  // in this park
	found   bool  // ev is an event that is not taken yet
	ev      event // what find has found

	ready func() bool // tells whether the source has something, for poll
	tries int         // how often poll asks that, 0 where that only steals time from the writers
	skip  int         // so many polls are left out,
	vain  int         // after so many that brought nothing
}

const (
	// socketTries is how often the queue of a socket is looked at before a park:
	// about as long as a child takes to answer what it was told.
	socketTries = 100

	// pipeTries is that for pipes. Each holds one write, so a reader that sleeps
	// stops its writers for much longer.
	pipeTries = 200

	// shortPark is the longest park after which messages are taken to keep coming,
	// so that polling is worth it.
	shortPark = 100 * time.Microsecond

	// yieldEvery is after how many looks in vain the processor is offered to
	// others: the writer may be waiting for it, and then nothing can come.
	yieldEvery = 8

	// longestPoll is many times what polling takes if nobody else wants the
	// processor. Who does may keep it for milliseconds at each offer.
	longestPoll = 500 * time.Microsecond

	// maxSkip is how many polls are left out at most: often enough to notice that
	// messages keep coming again, seldom enough to cost an idle reader nothing.
	maxSkip = 63

	// enoughMessages is how many messages without a park save as much as it takes
	// to take the source out and to put it back.
	enoughMessages = 16

	// brakeLength is as many as the kernel nests (EP_MAX_NESTS in fs/eventpoll.c).
	brakeLength = 4
)

// newSocketPoller makes a poller for the messages of a socket. What else is
// added to its events ends a park, too.
func newSocketPoller(socket int) (*poller, error) {
	p, err := newPoller(socketTries)
	if err != nil {
		return nil, err
	}
	p.source = socket
	p.ready = func() bool { return hasMessage(socket) }
	return p, nil
}

// newPipePoller makes a poller for the events of pipes.
func newPipePoller() (*poller, error) {
	p, err := newPoller(pipeTries)
	if err != nil {
		return nil, err
	}
	p.ready = p.find
	if p.tries == 0 { // it parks for every few messages
		p.watched = true
		return p, nil
	}
	if err := p.separateEvents(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// separateEvents gives the events an instance of their own, which is the source.
func (p *poller) separateEvents() error {
	events, err := newEpoll()
	if err != nil {
		return err
	}
	p.events, p.source = events, int(events)
	return p.makeBrake()
}

// makeBrake makes a chain of epoll instances that nobody asks, and puts the
// source into the first: to tell them makes each write longer.
//
// A pipe holds one write. A writer that finds its pipe full sleeps, and it takes
// ten times as long as a message until it has been woken. By itself it is a bit
// faster than the reader, so it sleeps after every few writes. With the brake it
// is a bit slower, does not sleep, and two to four times as much comes through
// (measured on 6.18). Whoever writes to a parked reader is not held up.
func (p *poller) makeBrake() error {
	last := p.source
	for range brakeLength {
		e, err := newEpoll()
		if err != nil {
			return err
		}
		p.brake = append(p.brake, e)
		if e.add(last, 0, readable) != nil {
			return nil // a kernel that nests less: what there is will do
		}
		last = int(e)
	}
	return nil
}

// newPoller makes a poller that looks so many times before it parks, unless the
// writers have only the processor of the reader.
func newPoller(tries int) (*poller, error) {
	e, err := newEpoll()
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(int(e), true); err != nil { // os.NewFile wants to see it
		unix.Close(int(e))
		return nil, os.NewSyscallError("fcntl", err)
	}
	p := &poller{parking: e, events: e, enough: enoughMessages, file: os.NewFile(uintptr(e), "epoll")}
	// Fails if the runtime's poller did not take it: parking would, later.
	if err := p.file.SetReadDeadline(time.Time{}); err != nil {
		p.file.Close()
		return nil, fmt.Errorf("epoll_ctl of the runtime: %w", err)
	}
	if p.conn, err = p.file.SyscallConn(); err != nil {
		p.file.Close()
		return nil, err
	}
	if runtime.NumCPU() > 1 && runtime.GOMAXPROCS(0) > 1 {
		p.tries = tries
	}
	p.check = func(uintptr) bool {
		// What woke the reader it will see by itself: this saves the look.
		second := p.checked
		p.checked = true
		return second || p.find()
	}
	return p, nil
}

func (p *poller) look() (event, bool) { return p.events.look() }

// find looks for an event, and leaves it for take.
func (p *poller) find() bool {
	p.ev, p.found = p.events.look()
	return p.found
}

// take gives the event that find has left.
func (p *poller) take() (ev event, ok bool) {
	ev, ok = p.ev, p.found
	p.found = false
	return ev, ok
}

// received tells that so many messages came.
func (p *poller) received(n int) {
	p.got += n
	if p.watched && p.tries > 0 && p.got > p.enough {
		p.unwatch()
	}
}

func (p *poller) unwatch() {
	p.parking.remove(p.source)
	p.watched = false
	if len(p.brake) > 0 {
		p.brake[0].add(p.source, 0, readable) // if not: without
	}
}

// poll looks for something some times, as a reader that goes to sleep costs the
// writer and itself more than a short wait. It leaves that out for a while, and
// each time longer, when it was in vain, so that an idle reader sleeps. After
// false the caller may park.
func (p *poller) poll() bool {
	if p.skip > 0 {
		p.skip--
	} else if p.spin() {
		return true
	}
	p.watch()
	return false
}

// spin is poll when it is not left out. It ends early where others take the
// processor: the lock of the Mux is held meanwhile, and contexts end.
func (p *poller) spin() bool {
	start := time.Now()
	for i := range p.tries {
		pause := i%yieldEvery == yieldEvery-1
		if pause {
			unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		}
		if p.ready() {
			p.vain = 0
			return true
		}
		if pause && time.Since(start) > longestPoll {
			break
		}
	}
	p.vain = min(2*p.vain+1, maxSkip)
	p.skip = p.vain
	return false
}

// watch has the source end the next park, at once if it has something already.
// That is told once only: what there is must be received before the park after
// that.
func (p *poller) watch() {
	p.got = 0
	if p.watched {
		return
	}
	if len(p.brake) > 0 {
		p.brake[0].remove(p.source)
	}
	p.watched = p.parking.add(p.source, 0, readable) == nil
	if !p.watched { // no memory for it now, or too many watches (epoll_ctl(2))
		p.retry.set(p)
	}
}

// park sleeps until there is an event or wake was called, before or during it.
// Its error after close is not os.ErrClosed but the poller's own.
func (p *poller) park() error {
	p.checked = false
	start := time.Now()
	err := p.conn.Read(p.check)
	if time.Since(start) < shortPark {
		p.skip = 0
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// Before the reader looks at what it was woken for: a wake from here on
		// sets the deadline again.
		p.file.SetReadDeadline(time.Time{})
		return nil
	}
	return err
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// wake makes the park that is under way, or the next one, return. The deadline
// means only that: what the reader is to see must be set before.
func (p *poller) wake() { p.file.SetReadDeadline(longAgo) }

// close wakes the parked reader and waits until it has left.
func (p *poller) close() error {
	err := p.file.Close()
	p.retry.stop()
	if p.events != p.parking {
		unix.Close(int(p.events))
	}
	for _, e := range p.brake {
		unix.Close(int(e))
	}
	return err
}
