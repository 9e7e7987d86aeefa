//go:build unix && !linux && experimental_unix

// Package wait waits for messages of a socket, and to be woken.
package wait

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Waiter lets one goroutine at a time wait for messages, or until another
// goroutine wakes it. It sleeps on a copy of the socket, which the runtime's
// poller watches.
//
// One goroutine at a time may be in Park. Close must be the last call but for
// Wake and WakeAfter, and nobody may be in Park then.
type Waiter[T any] struct {
	file  *os.File
	conn  syscall.RawConn
	check func(fd uintptr) bool
}

// An ID names what was added to a Waiter: nothing, here.
type ID uint64

// ForSocket returns a Waiter for the messages that come to a nonblocking socket,
// which stays the caller's.
func ForSocket[T any](socket int) (*Waiter[T], error) {
	syscall.ForkLock.RLock()
	fd, err := unix.Dup(socket)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	w := &Waiter[T]{file: os.NewFile(uintptr(fd), "receive end")}
	if err := w.file.SetReadDeadline(time.Time{}); err != nil {
		w.file.Close()
		return nil, err
	}
	if w.conn, err = w.file.SyscallConn(); err != nil {
		w.file.Close()
		return nil, err
	}
	w.check = hasMessage
	return w, nil
}

// hasMessage reports whether a message is in the queue, or an error.
func hasMessage(fd uintptr) bool {
	var b [1]byte
	_, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK)
	return err != unix.EAGAIN
}

// Len, Next and Found: nothing can be added, and there are no events.
func (w *Waiter[T]) Len() int                     { return 0 }
func (w *Waiter[T]) Next() (v T, hungUp, ok bool) { return v, false, false }
func (w *Waiter[T]) Found() bool                  { return false }

// Look does not look: a full queue refuses messages here, so nobody waits.
func (w *Waiter[T]) Look() bool { return false }

// Park returns when there is a message, or Wake was called, before or during it.
func (w *Waiter[T]) Park() error {
	err := w.conn.Read(w.check)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// Before the caller looks at what it was woken for: a Wake from here on is
		// for the next Park.
		w.file.SetReadDeadline(time.Time{})
		return nil
	}
	return err
}

// Wake makes the Park that is under way, or else the next one, return. What the
// caller of Park is to see must be set before.
func (w *Waiter[T]) Wake() { w.file.SetReadDeadline(time.Unix(1, 0)) }

// WakeAfter calls Wake after d, also if the Waiter is closed by then: that has no effect.
func (w *Waiter[T]) WakeAfter(d time.Duration) { time.AfterFunc(d, w.Wake) }

// Close gives the copy of the socket back.
func (w *Waiter[T]) Close() {
	w.file.Close()
}
