package iomux

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An epoll is an epoll instance, by its descriptor.
type epoll int

// An event is one of epoll_wait(2), for what was added with the number in its Fd.
type event = unix.EpollEvent

// readable is told once for each time that something comes to be read.
const readable = unix.EPOLLIN | unix.EPOLLET

func newEpoll() (epoll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return epoll(fd), os.NewSyscallError("epoll_create1", err)
}

// add watches fd. Its events have that number in their Fd.
func (e epoll) add(fd int, number int32, events uint32) error {
	ev := event{Events: events, Fd: number}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(int(e), unix.EPOLL_CTL_ADD, fd, &ev))
}

// again has an event of fd told anew, if there is reason for one now.
func (e epoll) again(fd int, number int32, events uint32) {
	ev := event{Events: events, Fd: number}
	unix.EpollCtl(int(e), unix.EPOLL_CTL_MOD, fd, &ev) // fails only for what is not there
}

// remove must come before fd is closed: a child between fork and exec still has
// a copy, and would keep it in the epoll instance.
func (e epoll) remove(fd int) {
	unix.EpollCtl(int(e), unix.EPOLL_CTL_DEL, fd, nil) // fails only for what is not there
}

// look gives one event, if there is one. More than one at a time would lose
// the order of pipes. The system call returns at once, so the runtime need not
// know of it.
func (e epoll) look() (ev event, ok bool) {
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(e), uintptr(unsafe.Pointer(&ev)), 1, 0, 0, 0)
		if errno != unix.EINTR { // what is there must be seen: it may not be told again
			return ev, n == 1
		}
	}
}
