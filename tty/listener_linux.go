//go:build amd64 || arm64

package tty

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A question is a system call of a command that waits for its answer: struct
// seccomp_notif of <linux/seccomp.h>.
type question struct {
	id    uint64
	tid   uint32 // of the thread that asks, or 0 if it cannot be seen from here
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

// An answer is what the call returns, or that it is to be made: struct
// seccomp_notif_resp.
type answer struct {
	id    uint64
	val   int64
	err   int32 // negative, as the kernel has it
	flags uint32
}

// makeCall has the kernel make the call as if there had been no question.
var makeCall = answer{flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}

func succeed() answer { return answer{} }

func fail(err syscall.Errno) answer { return answer{err: -int32(err)} }

// A listener is where the questions come from.
type listener struct {
	file *os.File
	conn syscall.RawConn
}

func newListener(fd int) (*listener, error) {
	// So that os.NewFile gives it to the runtime's poller. The ioctl calls on it
	// still wait.
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(fd), "seccomp listener")
	conn, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, err
	}
	return &listener{file, conn}, nil
}

// wait waits for a question. It reports false when there can be no more.
func (l *listener) wait() bool {
	var events int16
	err := l.conn.Read(func(fd uintptr) bool {
		events = poll(int(fd))
		return events != 0
	})
	return err == nil && events&unix.POLLIN != 0
}

// poll looks whether there is a question, or nobody is left who could ask.
func poll(fd int) int16 {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		switch _, err := unix.Poll(fds, 0); err {
		case nil:
			return fds[0].Revents
		case unix.EINTR:
		default: // EINVAL with an RLIMIT_NOFILE of 0: the helper can do better
			return unix.POLLERR
		}
	}
}

// receive takes a question, after wait has seen one. The error is ENOENT if the
// asker has been killed.
func (l *listener) receive() (question, error) {
	// The kernel wants zeros, and writes as much as it knows of.
	var buf [512]byte
	err := l.ioctl(unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&buf))
	return *(*question)(unsafe.Pointer(&buf)), err
}

func (l *listener) send(a answer) error {
	return l.ioctl(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&a))
}

// waits reports whether the asker still waits for the answer.
func (l *listener) waits(q *question) bool {
	id := q.id
	return l.ioctl(notifIDValid, unsafe.Pointer(&id)) == nil
}

const notifIDValid = 0x40082102 // SECCOMP_IOCTL_NOTIF_ID_VALID

func (l *listener) ioctl(request uintptr, arg unsafe.Pointer) error {
	var errno syscall.Errno
	err := l.conn.Control(func(fd uintptr) {
		for errno = unix.EINTR; errno == unix.EINTR; {
			_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(arg))
		}
	})
	if err == nil && errno != 0 {
		err = errno
	}
	return err
}
