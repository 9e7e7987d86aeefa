package main

import (
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reopen opens what a descriptor leads to once more. It does not wait for the
// reader of a pipe that has none any more.
func reopen(fd int) int {
	again, err := unix.Open("/proc/self/fd/"+strconv.Itoa(fd), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return again
}

const lockedByte = 1 << 62

func lock(fd int, kind lockKind) error {
	l := unix.Flock_t{Type: unix.F_WRLCK, Start: lockedByte, Len: 1}
	if kind == lockPipe && lockNow(fd, &l) {
		return nil
	}
	for {
		if err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLKW, &l); err != unix.EINTR {
			return err
		}
	}
}

func unlock(fd int, kind lockKind) {
	l := unix.Flock_t{Type: unix.F_UNLCK, Start: lockedByte, Len: 1}
	if kind != lockPipe || !lockNow(fd, &l) {
		unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &l)
	}
}

// lockNow locks or unlocks if that need not wait, without telling the runtime,
// as writeNow does. A pipe's lock is never asked of another machine.
func lockNow(fd int, l *unix.Flock_t) bool {
	if unsafe.Sizeof(uintptr(0)) < 8 { // fcntl has another structure there
		return false
	}
	_, _, errno := unix.RawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_OFD_SETLK, uintptr(unsafe.Pointer(l)))
	return errno == 0
}
