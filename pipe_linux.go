package iomux

import (
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux/internal/wait"
)

// NewPipe makes a [Mux] whose senders are pipes, so that any program can
// write to them. It exists on Linux only, touches no file system, and does not
// block. The caller must call [Mux.Close] when done.
//
// Whatever works on a pipe works on these: Node.js prints, /dev/stdout and
// /dev/stderr can be opened, a write may have any length. Where a program
// does not need that, [New] is better: large writes are much faster, and each
// piece comes with the time of the write and the process. What is said about
// the methods of a Mux holds here too, with these differences:
//
//   - A write of more than a page (4,096 bytes on most machines) comes out in
//     pieces of at most a page, and pieces of other writes, even to the same
//     sender, may come between them. Use [Lines] to get whole lines.
//   - A sender holds one unread piece; the next write to it waits until that
//     has been read. Do not write and read in the same goroutine.
//   - Time is when the piece was read, which is at most one write per sender
//     after it was written, and PID is 0.
//   - A descriptor that a child has opened again by its path (/dev/stdout,
//     /dev/stderr, /proc/self/fd/1) is not in packet mode: small writes to it
//     may come out as one piece, and their order among the senders is best
//     effort. In a shell, write >&2 and not >/dev/stderr. If a child uses
//     memory that is not there yet (userfaultfd(2), a file mapped from a
//     network file system) to write to such a descriptor, or to read from
//     one, a read, including TryRead, waits for it.
//   - The order is also best effort for a child that makes its end
//     nonblocking, as Node.js does: the child keeps what the pipe does not
//     take at once and writes it later. If the child exits without waiting
//     for that (process.exit() right after printing), the rest is lost,
//     sooner than with the usual pipe of 64 KiB. [StartBlocking] prevents
//     that.
//   - If a child makes its pipe larger (F_SETPIPE_SZ), the order is best
//     effort, but no byte is lost.
//   - The order is that of the ready list of epoll(7), which was first in,
//     first out on every kernel that was tried, but the manual page does not
//     promise it.
//   - After Close, a write of the child raises SIGPIPE, as on any pipe.
//
// An error, also one of MakeSender and MakeTaggedSender, names the system
// call that was refused and matches its errno: pipe2 with O_DIRECT or fcntl
// with F_SETPIPE_SZ (pipe(2), fcntl(2); unix.EINVAL where there is no packet
// mode or no pipe of one page), unix.EMFILE or unix.ENFILE. A Mux holds two
// descriptors, two for each open sender, one of which is the sender itself,
// and one for each running command that it has started.
func NewPipe() (*Mux, error) { return newPipeMux() }

func newPipeMux() (*Mux, error) {
	t, err := newPipes()
	if err != nil {
		return nil, fmt.Errorf("iomux: make Mux: %w", err)
	}
	return newMux(t), nil
}

// sizeInterval is how many events a reader takes before it checks the sizes of the
// pipes, if it never catches up. Otherwise it checks them before it sleeps.
const sizeInterval = 1024

// pipes is the transport by one pipe for each sender. A pipe is in packet mode
// and one page long, so it holds at most one write that was not read. Events
// are edge-triggered and taken one at a time, with one read for each: so the
// order of the epoll instance's ready list is the order of the writes.
// Level-triggered, with several events at a time, or with a second page the
// order is gone (measured).
type pipes struct {
	waiter *wait.Waiter[*pipeEnd]
	used   atomic.Bool // there has been a sender

	sawNonblocking atomic.Bool // a child has made its end nonblocking

	// What follows is the reader's whose turn it is.
	buf       []byte
	draining  *pipeEnd   // the one that is read until nothing is left,
	pieces    int        // or until so many pieces were read, if not 0
	unchecked []*pipeEnd // read from since their size was last checked
	polled    []unix.PollFd
	events    int // taken
	reclaimAt int // with more ends some are reclaimed

	mu     sync.Mutex // guards what follows; held for no call that a child can keep waiting
	closed bool

	replaced wait.Calls // those of shut
}

// A pipeEnd is the read end of a sender's pipe; or, where it holds others, a process
// (a pidfd) that was started with these.
type pipeEnd struct {
	fd       int
	id       wait.ID
	tag      string
	inode    uint64
	writeEnd atomic.Int32 // held while the command runs, or noWriteEnd
	holds    []*pipeEnd
	enlarged atomic.Int64 // its size in bytes if a child or checkNonblocking enlarged it, else 0

	sizeUnchecked bool     // it is in pipes.unchecked
	asked         chan int // receives its size; nil if nobody has asked
}

func newPipes() (*pipes, error) {
	r, w, err := newPipe() // to learn early whether pipes can be had
	if err != nil {
		return nil, err
	}
	unix.Close(r)
	unix.Close(w)
	waiter, err := wait.ForAdded[*pipeEnd]()
	if err != nil {
		return nil, err
	}
	return &pipes{waiter: waiter, buf: *freePages.Get().(*[]byte)}, nil
}

// freePages has the buffers of closed Muxes for new ones. The first use of a page of
// memory can cost more than any system call that making a Mux takes: 30 µs where it was
// measured.
var freePages = sync.Pool{New: func() any {
	page := make([]byte, os.Getpagesize())
	return &page
}}

// newPipe makes a pipe in packet mode that holds one page, with a nonblocking
// read end.
func newPipe() (r, w int, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_DIRECT|unix.O_CLOEXEC); err != nil {
		return -1, -1, fmt.Errorf("packet mode: %w", os.NewSyscallError("pipe2", err))
	}
	if err := onePage(p[0]); err != nil {
		unix.Close(p[0])
		unix.Close(p[1])
		return -1, -1, err
	}
	return p[0], p[1], nil
}

func onePage(r int) error {
	page := os.Getpagesize()
	size, err := unix.FcntlInt(uintptr(r), unix.F_SETPIPE_SZ, page)
	if err == nil && size != page {
		err = unix.EINVAL
	}
	if err != nil {
		return fmt.Errorf("pipe of one page: %w", os.NewSyscallError("fcntl F_SETPIPE_SZ", err))
	}
	_, err = unix.FcntlInt(uintptr(r), unix.F_SETFL, unix.O_DIRECT|unix.O_NONBLOCK)
	return os.NewSyscallError("fcntl", err)
}

func (p *pipes) add(tag string) (*os.File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	r, w, err := newPipe()
	if err != nil {
		return nil, err
	}
	e := &pipeEnd{fd: r, tag: tag, inode: inode(r)}
	e.writeEnd.Store(noWriteEnd)
	if e.id, err = p.waiter.Add(r, wait.Readable, e); err != nil {
		unix.Close(r)
		unix.Close(w)
		return nil, err
	}
	p.used.Store(true)
	return senderFile(w, tag), nil
}

// reclaim gives back the pipes that have neither a writer nor anything to read,
// for a caller that makes many senders and does not read. It is due again when
// there are twice as many as it leaves, so it costs each sender little.
func (p *pipes) reclaim(now bool) {
	if !now && p.waiter.Len() <= p.reclaimAt {
		return
	}
	ends := p.waiter.Values()
	var fds []unix.PollFd
	for _, e := range ends {
		fds = append(fds, unix.PollFd{Fd: int32(e.fd), Events: unix.POLLIN})
	}
	unix.Poll(fds, 0) // if it fails, no event is in fds
	var calls []func()
	for i, e := range ends {
		switch {
		case e.holds != nil && fds[i].Revents&unix.POLLIN != 0:
			p.exited(e)
		case e.holds == nil && fds[i].Revents == unix.POLLHUP && p.unregister(e):
			calls = append(calls, e.close)
		}
	}
	wait.Bounded(calls...)
	p.reclaimAt = 2*p.waiter.Len() + 1
}

func (p *pipes) receive() (TaggedData, error) {
	for vain := 0; ; vain++ {
		if vain > p.waiter.Len() && vain > p.backlog() {
			return TaggedData{}, errRetry // a child makes events, and writes nothing
		}
		e := p.draining
		if e == nil {
			var err error
			if e, err = p.nextEvent(); err != nil {
				return TaggedData{}, err
			}
		}
		n, errno := p.read(e)
		switch {
		case errno == unix.EAGAIN: // all read, or a writer that was refused
			p.draining, p.pieces = nil, 0
			p.checkNonblocking(e)
		case errno != 0:
			p.readAgain(e)
			return TaggedData{}, fmt.Errorf("iomux: receive from sender %.100q: %w", e.tag, os.NewSyscallError("read", errno))
		case n == 0 && e.ended():
			if !p.remove(e) {
				return TaggedData{}, errClosed
			}
			vain = -1
		default:
			p.checkNonblocking(e)
			p.checkSizeLater(e)
			if p.pieces != 0 {
				p.endTurn()
			}
			if n > 0 {
				return TaggedData{Tag: e.tag, Data: p.buf[:n:n], Time: time.Now()}, nil
			}
		}
	}
}

// readAgain makes the next read continue with e, which could not be read: its event
// has been taken, and what is in the pipe causes no other.
func (p *pipes) readAgain(e *pipeEnd) {
	if p.draining == nil {
		p.draining, p.pieces = e, 1
	}
}

// ended reports whether e has neither a writer nor anything to read. A read that
// returns nothing is not enough: from 5.5 to 6.14 the kernel leaves an empty packet
// for a write that failed with EFAULT (measured on 6.1).
func (e *pipeEnd) ended() bool {
	events, err := pollNow(e.fd)
	return err == nil && events == unix.POLLHUP
}

// pollNow returns what poll(2) reports of fd now. Unlike a read it does not take
// the lock of a pipe.
func pollNow(fd int) (events int16, err error) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		if _, err = unix.Poll(fds, 0); err != unix.EINTR {
			return fds[0].Revents, err
		}
	}
}

// nextEvent returns the pipe that the next event is of, io.EOF when there is no
// pipe, errWouldBlock when there is no event.
func (p *pipes) nextEvent() (*pipeEnd, error) {
	if p.used.Load() && p.waiter.Len() == 0 {
		return nil, io.EOF
	}
	p.events++
	if p.events%sizeInterval == 0 && p.keepReadable() && p.findEnlarged() {
		return p.draining, nil
	}
	e, hungUp, ok := p.waiter.Next()
	switch {
	case !ok:
		return nil, errWouldBlock
	case e.holds != nil:
		p.exited(e)
		return p.nextEvent()
	case hungUp: // nobody can write any more
		p.draining, p.pieces = e, 0
	case e.enlarged.Load() != 0:
		p.draining, p.pieces = e, e.capacity()
	}
	return e, nil
}

// endTurn lets the other pipes have their turn once as much was read from one as it
// can hold: its writer may always be faster than the reader. What it still holds is
// reported again, after the events that are pending.
func (p *pipes) endTurn() {
	if p.pieces--; p.pieces == 0 {
		p.waiter.Rearm(p.draining.id)
		p.draining = nil
	}
}

// capacity returns how many writes can lie in the pipe.
func (e *pipeEnd) capacity() int { return max(int(e.enlarged.Load())/os.Getpagesize(), 1) }

// checkSizeLater has the size of the pipe checked before the next sleep, or sooner.
func (p *pipes) checkSizeLater(e *pipeEnd) {
	if !e.sizeUnchecked && e.enlarged.Load() == 0 {
		e.sizeUnchecked = true
		p.unchecked = append(p.unchecked, e)
	}
}

// findEnlarged looks for a pipe that a child has made larger. Two writes may be in it
// behind one event, and nothing would report the second. From now on, each event makes
// the reader read it until nothing is left. A read or EPOLL_CTL_MOD instead of this
// could take a write before its turn.
func (p *pipes) findEnlarged() bool {
	for len(p.unchecked) > 0 {
		last := len(p.unchecked) - 1
		e := p.unchecked[last]
		size, ok := e.size(p.waiter.Wake)
		if !ok {
			return false
		}
		p.unchecked[last] = nil
		p.unchecked = p.unchecked[:last]
		e.sizeUnchecked = false
		if size > len(p.buf) {
			e.enlarged.Store(int64(size))
			p.draining, p.pieces = e, e.capacity()
			return true
		}
	}
	return false
}

// keepReadable removes empty pipes from p.unchecked, and reports whether any are left.
// A pipe comes back when it is read from. keepReadable takes the lock of no pipe.
func (p *pipes) keepReadable() bool {
	if len(p.unchecked) == 0 {
		return false
	}
	p.polled = p.polled[:0]
	for _, e := range p.unchecked {
		p.polled = append(p.polled, unix.PollFd{Fd: int32(e.fd), Events: unix.POLLIN})
	}
	if _, err := unix.Poll(p.polled, 0); err != nil {
		return true
	}
	left := p.unchecked[:0]
	for i, e := range p.unchecked {
		e.sizeUnchecked = p.polled[i].Revents&unix.POLLIN != 0
		if e.sizeUnchecked {
			left = append(left, e)
		}
	}
	clear(p.unchecked[len(left):])
	p.unchecked = left
	return len(left) > 0
}

// size returns the size of a pipe, 0 if there is an error. ok is false if a child
// keeps the kernel from answering now, as it can where it has made the pipe larger. When
// the answer comes, wake is called.
func (e *pipeEnd) size(wake func()) (bytes int, ok bool) {
	if e.asked == nil {
		answer := make(chan int, 1)
		e.asked = answer
		wait.Bounded(func() {
			size, err := unix.FcntlInt(uintptr(e.fd), unix.F_GETPIPE_SZ, 0)
			if err != nil {
				size = 0
			}
			answer <- size
			wake()
		})
	}
	select {
	case bytes = <-e.asked:
		e.asked = nil
		return bytes, true
	default:
		return 0, false
	}
}

// remove gives back a pipe that has no writer any more. It reports false if the Mux
// was closed: then release will.
func (p *pipes) remove(e *pipeEnd) bool {
	ok := p.unregister(e)
	if ok {
		e.close()
	}
	return ok
}

// unregister removes every reference to e but that of the caller, who must close it.
// It returns false if the Mux was closed: then release closes it.
func (p *pipes) unregister(e *pipeEnd) bool {
	if e.sizeUnchecked {
		p.unchecked = slices.DeleteFunc(p.unchecked, func(f *pipeEnd) bool { return f == e })
	}
	if p.draining == e {
		p.draining, p.pieces = nil, 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.waiter.Remove(e.id)
	}
	return !p.closed
}

func (e *pipeEnd) close() {
	unix.Close(e.fd)
	e.closeWriteEnd()
}

// hangUp closes the read ends of the senders with this tag: whoever writes to one
// gets EPIPE. The caller has the turn.
func (p *pipes) hangUp(tag string) {
	var calls []func()
	for _, e := range p.waiter.Values() {
		if e.tag == tag && e.holds == nil && p.unregister(e) {
			calls = append(calls, e.close)
		}
	}
	wait.Bounded(calls...)
}

// read reads from e, which has an event or is being drained. A read of an empty pipe
// can wait for a child that is about to fill it. An event means that the pipe is not
// empty; before each further read, poll(2) says so.
func (p *pipes) read(e *pipeEnd) (int, unix.Errno) {
	if p.draining == e {
		if events, err := pollNow(e.fd); err == nil && events == 0 {
			return 0, unix.EAGAIN
		}
	}
	return readNow(e.fd, p.buf)
}

// readNow reads from a nonblocking descriptor. It may wait for a child that is
// writing to a pipe of several pages, so the runtime is told.
func readNow(fd int, buf []byte) (int, unix.Errno) {
	for {
		n, _, errno := unix.Syscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

// checkEvents checks the pipes that were read and still hold something: as a rule there is
// an event for each; otherwise a child has made the pipe larger.
func (p *pipes) checkEvents() bool {
	return p.keepReadable() && (p.waiter.Ready() || p.findEnlarged())
}

func (p *pipes) park() error {
	if p.waiter.Look() || p.checkEvents() {
		return nil
	}
	return p.waiter.Park()
}

func (p *pipes) wake() { p.waiter.Wake() }

// backlog is a write for each sender, and more where the child has made room.
func (p *pipes) backlog() (n int) {
	for _, e := range p.waiter.Values() {
		n += e.capacity()
	}
	return n
}

// shut puts another descriptor in the place of each read end. The numbers stay
// taken: a reader may be about to use one.
func (p *pipes) shut() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	var calls []func()
	for _, e := range p.waiter.Values() {
		calls = append(calls, func() {
			replaceFD(e.fd, p.waiter.FD()) // fails only for what is not open
		})
	}
	p.replaced.Make(calls...)
	return nil
}

func (p *pipes) release(reuse bool) {
	if reuse {
		page := p.buf
		freePages.Put(&page)
	}
	p.replaced.Then(p.closeAll)
}

// closeAll closes what is left once all read ends are replaced: nobody can write to
// these pipes any more, so closing takes no time.
func (p *pipes) closeAll() {
	p.waiter.Close()
	var calls []func()
	for _, e := range p.waiter.Values() {
		unix.Close(e.fd)
		if e.writeEnd.Load() != noWriteEnd { // a child may read from the pipe
			calls = append(calls, e.closeWriteEnd)
		}
	}
	wait.Bounded(calls...)
}
