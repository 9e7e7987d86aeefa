package iomux

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux/internal/wait"
)

// roomyPages is the size, in pages, of a pipe whose writers do not want to wait:
// that of a plain pipe (pipe(7)).
const roomyPages = 16

// noWriteEnd is the write end of a sender for which none is held.
const noWriteEnd = -1

// hold keeps duplicates of the write ends of these senders while the process pid
// runs, which has just been started with them. Through them the reader sees
// whether a child makes its output nonblocking: O_NONBLOCK belongs to the open file
// description, which all who inherited it share.
//
// A duplicate keeps the end of output from coming, so it goes when the process
// exits. Where that cannot be watched (pidfd_open(2): before Linux 5.3, or where a
// filter forbids it) there is none.
func (p *pipes) hold(pid int, senders []*os.File) bool {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	x := &pipeEnd{fd: pidfd}
	x.writeEnd.Store(noWriteEnd)
	if !p.holdFor(x, senders) {
		x.letGo()
		unix.Close(pidfd)
		return false
	}
	return true
}

func (p *pipes) holdFor(x *pipeEnd, senders []*os.File) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	x.holds = p.duplicate(senders)
	if len(x.holds) != len(senders) {
		return false
	}
	// Nobody waits here for a child that is in the middle of a write: only the last
	// close of an open file description takes the lock of the pipe, and as long as
	// the process is not watched there is the duplicate.
	for _, s := range senders {
		s.Close()
	}
	var err error
	x.id, err = p.waiter.Add(x.fd, wait.Readable, x)
	return err == nil
}

// duplicate gives the ends of these senders a descriptor to write to.
func (p *pipes) duplicate(senders []*os.File) (ends []*pipeEnd) {
	for _, s := range senders {
		ino := inode(int(s.Fd()))
		for _, e := range p.waiter.Values() {
			if ino == 0 || e.inode != ino || e.holds != nil {
				continue
			}
			if w, err := unix.FcntlInt(s.Fd(), unix.F_DUPFD_CLOEXEC, 0); err == nil {
				e.writeEnd.Store(int32(w))
				ends = append(ends, e)
			}
		}
	}
	return ends
}

// inode returns the number of the inode of fd, which both ends of a pipe share, or 0
// if that is refused.
func inode(fd int) uint64 {
	var st unix.Stat_t
	unix.Fstat(fd, &st)
	return st.Ino
}

// letGo closes the write ends that are held for a process.
func (e *pipeEnd) letGo() {
	var calls []func()
	for _, held := range e.holds {
		calls = append(calls, held.closeWriteEnd)
	}
	wait.Bounded(calls...)
}

func (e *pipeEnd) closeWriteEnd() {
	if w := e.writeEnd.Swap(noWriteEnd); w != noWriteEnd {
		unix.Close(int(w))
	}
}

// exited lets go of what is held for a process that has exited. The caller has the
// turn.
func (p *pipes) exited(x *pipeEnd) {
	for _, e := range x.holds {
		p.checkNonblocking(e)
	}
	x.letGo()
	p.remove(x)
}

// checkNonblocking checks whether a child has made its end nonblocking. A pipe of
// one page would refuse the second of its writes, and of those of everybody who
// shares the end, where a plain pipe takes 64 KiB. So from now on it is a plain
// pipe, in blocking mode, and the order of what comes from it is best effort.
func (p *pipes) checkNonblocking(e *pipeEnd) {
	w := int(e.writeEnd.Load())
	if w == noWriteEnd {
		return
	}
	// The runtime need not know of a call that takes no lock.
	flags, _, errno := syscall.RawSyscall(unix.SYS_FCNTL, uintptr(w), unix.F_GETFL, 0)
	if errno != 0 || flags&unix.O_NONBLOCK == 0 {
		return
	}
	p.sawNonblocking.Store(true)
	if size := roomyPages * len(p.buf); e.enlarged.CompareAndSwap(0, int64(size)) {
		// Refused for a user with many pipes, pipe(7): then it is blocking, at least.
		wait.Bounded(func() { unix.FcntlInt(uintptr(e.fd), unix.F_SETPIPE_SZ, size) })
	}
	// In packet mode each write takes a page.
	unix.FcntlInt(uintptr(w), unix.F_SETFL, int(flags)&^(unix.O_NONBLOCK|unix.O_DIRECT))
}

func (p *pipes) nonblocking() bool { return p.sawNonblocking.Load() }
