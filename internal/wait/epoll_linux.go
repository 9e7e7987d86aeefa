package wait

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An epoll is an epoll instance, by its descriptor.
type epoll int

// The events that a descriptor is added for. EPOLLHUP and EPOLLERR are always
// reported (epoll_ctl(2)).
const (
	readable = unix.EPOLLIN | unix.EPOLLET // once for each time that something comes to be read
	silent   = 0
)

func newEpoll() (epoll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return epoll(fd), os.NewSyscallError("epoll_create1", err)
}

// add adds fd, whose events are reported with this ID.
func (e epoll) add(fd int, id ID, events uint32) error {
	return os.NewSyscallError("epoll_ctl", e.ctl(unix.EPOLL_CTL_ADD, fd, id, events))
}

// modify changes the events of fd. One that is due already is reported anew.
func (e epoll) modify(fd int, id ID, events uint32) error {
	return os.NewSyscallError("epoll_ctl", e.ctl(unix.EPOLL_CTL_MOD, fd, id, events))
}

// remove must come before fd is closed: a child between fork and exec still has
// a copy, and would keep it in the epoll instance.
func (e epoll) remove(fd int) {
	e.ctl(unix.EPOLL_CTL_DEL, fd, 0, 0) // fails only for what is not there
}

func (e epoll) ctl(op, fd int, id ID, events uint32) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(id), Pad: int32(id >> 32)}
	return unix.EpollCtl(int(e), op, fd, &ev)
}

// next takes one event, without waiting, if there is one. Two at a time would
// lose the order of what was added. The call neither sleeps nor takes a lock
// that another process can hold, so the runtime is not told of it.
func (e epoll) next() (event, bool) {
	var ev unix.EpollEvent
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(e), uintptr(unsafe.Pointer(&ev)), 1, 0, 0, 0)
		if errno != unix.EINTR { // an event that is there must be seen: it may not be reported again
			return newEvent(&ev), n == 1
		}
	}
}

// An event is an ID, shifted by one, and whether the descriptor hung up.
type event uint64

const (
	hangup  event = 1
	noEvent event = 0 // the ID 0 is that of the stream, which has no hangup
)

func newEvent(ev *unix.EpollEvent) event {
	e := event(uint32(ev.Fd))<<1 | event(uint32(ev.Pad))<<33
	if ev.Events&unix.EPOLLHUP != 0 {
		e |= hangup
	}
	return e
}

func (e event) id() ID { return ID(e >> 1) }
