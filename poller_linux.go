package iomux

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A poller waits for events on descriptors: an epoll instance, which itself
// parks on the runtime's poller. Every event of a descriptor is told anew
// through both (epoll(7), measured with nesting on 6.18).
//
// park needs the turn, and nothing else; wake needs nothing; all others need the
// lock of the Mux, and find, take and poll the turn besides.
type poller struct {
	fd    int
	file  *os.File // of fd
	conn  syscall.RawConn
	check func(fd uintptr) bool // for conn.Read, made once for all parks

	checked bool  // in this park
	found   bool  // ev is an event that is not taken yet
	ev      event // what find has found

	tries int           // how often poll looks, 0 where that only steals time from the writers
	short time.Duration // a shorter park tells that messages keep coming, so that polling is worth it
	skip  int           // so many polls are left out,
	vain  int           // after so many that brought nothing
}

// socketTries is how often the poller of a socket looks before it parks.
const socketTries = 20

// yieldEvery is after how many looks in vain the processor is offered to others:
// the writer may be waiting for it, and then nothing can come.
const yieldEvery = 8

// An event is one of epoll_wait(2), for what was added with the number in its Fd.
type event = unix.EpollEvent

// maxSkip is how many polls are left out at most: often enough to notice that
// messages keep coming again, seldom enough to cost an idle reader nothing.
const maxSkip = 63

// newPoller makes a poller that looks so many times before it parks, and does so
// again soon after a park that was short.
func newPoller(tries int, short time.Duration) (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // os.NewFile wants to see it
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	p := &poller{fd: fd, short: short, file: os.NewFile(uintptr(fd), "epoll")}
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

// newSocketPoller makes a poller for the receiving socket fd. Its event, which
// has the number 0, may be told once only: what there is must be received before
// the next park.
func newSocketPoller(fd int) (*poller, error) {
	p, err := newPoller(socketTries, 0)
	if err != nil {
		return nil, err
	}
	if err := p.add(fd, 0, unix.EPOLLIN|unix.EPOLLET); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// add watches fd. Its events have that number in their Fd.
func (p *poller) add(fd int, number int32, events uint32) error {
	ev := event{Events: events, Fd: number}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &ev))
}

// again has an event of fd told anew, if there is reason for one now.
func (p *poller) again(fd int, number int32, events uint32) {
	ev := event{Events: events, Fd: number}
	unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &ev) // fails only for what is not there
}

// remove must come before fd is closed: a child between fork and exec still has
// a copy, and would keep it in the epoll instance.
func (p *poller) remove(fd int) {
	unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil) // fails only for what is not there
}

// look gives one event, if there is one. More than one at a time would lose
// the order of pipes. The system call returns at once, so the runtime need not
// know of it.
func (p *poller) look() (ev event, ok bool) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&ev)), 1, 0, 0, 0)
		if errno != unix.EINTR { // what is there must be seen: it may not be told again
			return ev, n == 1
		}
	}
}

// find looks for an event, and leaves it for take.
func (p *poller) find() bool {
	p.ev, p.found = p.look()
	return p.found
}

// take gives the event that find has left.
func (p *poller) take() (ev event, ok bool) {
	ev, ok = p.ev, p.found
	p.found = false
	return ev, ok
}

// poll looks for an event some times, as a reader that goes to sleep costs the
// writer and itself more than a short wait. It leaves that out for a while, and
// each time longer, when it was in vain, so that an idle reader sleeps.
func (p *poller) poll() bool {
	if p.skip > 0 {
		p.skip--
		return false
	}
	for i := range p.tries {
		if p.find() {
			p.vain = 0
			return true
		}
		if i%yieldEvery == yieldEvery-1 {
			unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		}
	}
	p.vain = min(2*p.vain+1, maxSkip)
	p.skip = p.vain
	return false
}

// park sleeps until there is an event or wake was called, before or during it.
// Its error after close is not os.ErrClosed but the poller's own.
func (p *poller) park() error {
	p.checked = false
	start := time.Now()
	err := p.conn.Read(p.check)
	if time.Since(start) < p.short {
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
func (p *poller) close() error { return p.file.Close() }
