package iomux

import (
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// NewPipe makes a [Mux] whose senders are pipes, for children that cannot live
// with a datagram socket as their output. It exists on Linux only, touches no
// file system, and keeps the order all the same.
//
// Under it everything works that works on a pipe: Node.js prints, /dev/stdout
// and /dev/stderr can be opened, a write may have any length. Prefer [New] where
// its limits do not matter: it takes large writes much faster, and knows more. All
// that is said of the methods of a Mux holds, but for what follows.
//
// What is different:
//   - A write of more than a page (4,096 bytes on most machines) comes out in
//     pieces of at most a page, and the pieces of other writes, to the same
//     sender too, may come between them. Use [Lines] to get whole lines.
//   - A sender holds one piece that is not read yet: the next write to it waits
//     until that is read. Do not write and read in one goroutine.
//   - Time is when the piece was read, which is at most one write per sender
//     after it was written, and PID is 0. Use [New] to know.
//   - A descriptor that a child has opened anew by its path (/dev/stdout,
//     /dev/stderr, /proc/self/fd/1) is not in packet mode: small writes to it may
//     come out as one piece, and their order among the senders is best effort.
//     Let the child use the descriptor that it has: >&2, not >/dev/stderr.
//   - So is the order of the writes of a child that makes its end nonblocking, as
//     Node.js does: what the pipe does not take at once the child keeps, and
//     writes later. If it exits without waiting for that (process.exit() right
//     after printing), the rest is lost, sooner than with the usual pipe of 64
//     KiB. Set process.exitCode instead.
//   - A child that makes its pipe larger (F_SETPIPE_SZ) loses the promise of order,
//     too, and no byte.
//   - The order is that of the ready list of epoll(7), which is first in, first
//     out in every kernel that was tried, but is not promised by its manual.
//   - After Close, a write of the child raises SIGPIPE, as on any pipe.
//
// The error names the system call that is refused, and matches its errno: pipe2
// with O_DIRECT or fcntl with F_SETPIPE_SZ (pipe(2), fcntl(2); unix.EINVAL where
// there is no packet mode, or no pipe of one page), unix.EMFILE and unix.ENFILE.
// Those of MakeSender and MakeTaggedSender are the same. A Mux holds six
// descriptors, or one where it has one processor only, and two for each sender
// that is open, the sender itself being one of them.
func NewPipe() (*Mux, error) {
	t, err := newPipes()
	if err != nil {
		return nil, fmt.Errorf("iomux: make Mux: %w", err)
	}
	return newMux(t), nil
}

// sizeInterval is after how many events the sizes of the pipes are looked at
// when there is never none: a reader that never catches up never sleeps.
const sizeInterval = 64

// pipes is the transport by one pipe for each sender. A pipe is in packet mode
// and one page long, so it holds at most one write that was not read. Events
// are edge-triggered and taken one at a time, with one read for each: so the
// order of the epoll instance's ready list is the order of the writes.
// Level-triggered, with several events at a time, or with a second page the
// order is gone (measured).
type pipes struct {
	poller *poller
	ends   map[int32]*pipeEnd // by number
	made   int32              // the number of the last one, 0 before the first
	tendAt int                // so many ends are too many not to tend them
	buf    []byte
	whole  *pipeEnd   // the one that is read until nothing is left,
	turn   int        // or until so many pieces were read, if not 0
	fresh  []*pipeEnd // read from since their size was last looked at
	events int        // taken
}

// A pipeEnd is the read end of a sender's pipe.
type pipeEnd struct {
	fd int
	// number is of this end alone, unlike fd: a parked reader may have found an
	// event of an end that is gone when it is taken.
	number int32
	tag    string
	fresh  bool // is among pipes.fresh
	grown  bool // the child has changed its size
}

func newPipes() (*pipes, error) {
	r, w, err := newPipe() // to learn early whether pipes can be had
	if err != nil {
		return nil, err
	}
	unix.Close(r)
	unix.Close(w)
	p, err := newPipePoller()
	if err != nil {
		return nil, err
	}
	return &pipes{poller: p, ends: make(map[int32]*pipeEnd), buf: make([]byte, os.Getpagesize())}, nil
}

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
	if err := unix.SetNonblock(r, true); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	return nil
}

func (p *pipes) add(tag string) (*os.File, error) {
	if len(p.ends) >= p.tendAt {
		p.tend()
	}
	r, w, err := newPipe()
	if err != nil {
		return nil, err
	}
	if err := p.poller.events.add(r, p.made+1, readable); err != nil {
		unix.Close(r)
		unix.Close(w)
		return nil, err
	}
	p.made++
	p.ends[p.made] = &pipeEnd{fd: r, number: p.made, tag: tag}
	return senderFile(w, tag), nil
}

// tend gives back the pipes that have neither a writer nor anything to read,
// for a caller that makes many senders and does not read. It is due again when
// there are twice as many as it leaves, so it costs each sender little.
func (p *pipes) tend() {
	var ends []*pipeEnd
	var fds []unix.PollFd
	for _, e := range p.ends {
		ends = append(ends, e)
		fds = append(fds, unix.PollFd{Fd: int32(e.fd), Events: unix.POLLIN})
	}
	unix.Poll(fds, 0) // if it fails, no event is in fds
	for i, e := range ends {
		if fds[i].Revents == unix.POLLHUP {
			p.remove(e)
		}
	}
	if len(p.ends) < len(ends) {
		p.poller.wake() // the reader may have slept for an event of theirs
	}
	p.tendAt = 2*len(p.ends) + 2
}

func (p *pipes) receive() (TaggedData, error) {
	for vain := 0; ; vain++ {
		if vain > len(p.ends) && vain > p.backlog() {
			return TaggedData{}, errAgain // a child makes events, and writes nothing
		}
		e := p.whole
		if e == nil {
			var err error
			if e, err = p.nextEvent(); err != nil {
				return TaggedData{}, err
			}
		}
		n, errno := readNow(e.fd, p.buf)
		switch {
		case errno == unix.EAGAIN: // all read, or a writer that was refused
			p.whole, p.turn = nil, 0
		case errno != 0:
			p.readAgain(e)
			return TaggedData{}, fmt.Errorf("iomux: receive from sender %.100q: %w", e.tag, os.NewSyscallError("read", errno))
		case n == 0 && e.ended():
			p.remove(e)
			vain = -1
		default:
			p.note(e)
			if p.turn != 0 {
				p.endTurn()
			}
			if n > 0 {
				p.poller.received(1)
				return TaggedData{Tag: e.tag, Data: p.buf[:n:n], Time: time.Now()}, nil
			}
		}
	}
}

// readAgain has the next read go on with e, which could not be read: its event is
// taken, and is not told again for what lies there.
func (p *pipes) readAgain(e *pipeEnd) {
	if p.whole == nil {
		p.whole, p.turn = e, 1
	}
}

// ended tells whether e has neither a writer nor anything to read. That read gave
// nothing does not tell: from 5.5 to 6.14 the kernel leaves an empty packet for a
// write that failed with EFAULT (measured on 6.1).
func (e *pipeEnd) ended() bool {
	fds := []unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, 0)
		if err != unix.EINTR { // after another error there is no event in fds
			return fds[0].Revents == unix.POLLHUP
		}
	}
}

// nextEvent gives the pipe that the next event is of, io.EOF when there is no
// pipe, errNothing when there is no event.
func (p *pipes) nextEvent() (*pipeEnd, error) {
	if p.made != 0 && len(p.ends) == 0 {
		return nil, io.EOF
	}
	p.events++
	if p.events%sizeInterval == 0 && p.findGrown() {
		return p.whole, nil
	}
	ev, ok := p.poller.take()
	if !ok {
		ev, ok = p.poller.look()
	}
	if !ok {
		return nil, errNothing
	}
	e := p.ends[ev.Fd]
	switch {
	case e == nil: // given back since the event was found
		return p.nextEvent()
	case ev.Events&unix.EPOLLHUP != 0: // nobody can write any more
		p.whole, p.turn = e, 0
	case e.grown:
		p.whole, p.turn = e, e.pieces()
	}
	return e, nil
}

// endTurn has the others heard when as much was read of one pipe as it can
// hold: its writer may be faster than the reader for ever. What it holds still
// is told again, after the events that are there.
func (p *pipes) endTurn() {
	if p.turn == 0 {
		return
	}
	if p.turn--; p.turn == 0 {
		p.poller.events.again(p.whole.fd, p.whole.number, readable)
		p.whole = nil
	}
}

// pieces is how many writes can lie in the pipe.
func (e *pipeEnd) pieces() int {
	size, ok := e.size()
	if !ok {
		return 1
	}
	return max(size/os.Getpagesize(), 1)
}

// size asks for the size of the pipe, before every park. The runtime need not
// know of the call: told of it, it would wake its monitor each time, which costs
// a third of what waiting for a line costs.
func (e *pipeEnd) size() (bytes int, ok bool) {
	n, _, errno := syscall.RawSyscall(unix.SYS_FCNTL, uintptr(e.fd), unix.F_GETPIPE_SZ, 0)
	return int(n), errno == 0
}

// note has the size of the pipe looked at before the next sleep, or sooner.
func (p *pipes) note(e *pipeEnd) {
	if !e.fresh && !e.grown {
		e.fresh = true
		p.fresh = append(p.fresh, e)
	}
}

// findGrown looks for a pipe that the child has made larger. Two writes may lie
// in it behind one event, and nothing would tell of the second. From now on it
// is read until nothing is left, at every event. To look by reading, or by
// EPOLL_CTL_MOD, could take a write before its turn.
func (p *pipes) findGrown() bool {
	for len(p.fresh) > 0 {
		last := len(p.fresh) - 1
		e := p.fresh[last]
		p.fresh[last] = nil
		p.fresh = p.fresh[:last]
		e.fresh = false
		if size, ok := e.size(); ok && size != len(p.buf) {
			e.grown = true
			p.whole, p.turn = e, e.pieces()
			return true
		}
	}
	return false
}

// remove forgets a pipe that has no writer any more.
func (p *pipes) remove(e *pipeEnd) {
	if e.fresh {
		p.fresh = slices.DeleteFunc(p.fresh, func(f *pipeEnd) bool { return f == e })
	}
	if p.whole == e {
		p.whole, p.turn = nil, 0
	}
	p.poller.events.remove(e.fd)
	unix.Close(e.fd)
	delete(p.ends, e.number)
	if len(p.ends) == 0 {
		p.ends = make(map[int32]*pipeEnd) // a map does not shrink
	}
}

// readNow reads from a nonblocking descriptor. The runtime need not know of a
// call that returns at once.
func readNow(fd int, buf []byte) (int, unix.Errno) {
	for {
		n, _, errno := syscall.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

// poll may put the pipes into another epoll instance, and the kernel looks at
// each of them then.
func (p *pipes) poll() bool {
	p.poller.enough = enoughMessages + len(p.ends)
	return p.poller.poll() || p.findGrown()
}

func (p *pipes) look() bool  { return p.findGrown() }
func (p *pipes) park() error { return p.poller.park() }
func (p *pipes) wake()       { p.poller.wake() }

// backlog is a write for each sender, and more where the child has made room.
func (p *pipes) backlog() (n int) {
	for _, e := range p.ends {
		n += e.pieces()
	}
	return n
}

func (p *pipes) close() error {
	err := p.poller.close() // after this nobody is parked
	for _, e := range p.ends {
		unix.Close(e.fd)
	}
	p.ends = nil
	return err
}
