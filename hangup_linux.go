package iomux

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux/internal/wait"
)

// A hangup reports when the last copy of a sender is closed, anywhere.
//
// The write end of a pipe lies, as a message with a descriptor in it, in the
// sender's own receive queue, and nowhere else. When the last copy of the
// sender is closed the kernel clears that queue (unix(7) does not say so;
// measured on 5.10, 6.1, 6.12, 6.18, arm64, ppc64le and gVisor), so the write
// end goes too, and the read end, kept here, hangs up. What the sender wrote
// is in the receive end's queue by then.
//
// A child that reads from its standard output takes the message out: a hangup
// may be a false alarm.
type hangup struct {
	fd int // read end of the pipe
	id wait.ID
	at time.Time // when it was armed

	closing atomic.Bool // the end of an earlier pipe, which a child may delay
}

func (h *hangup) armed() bool { return h.id != 0 }

// armedSince reports whether h was armed within the last d.
func (h *hangup) armedSince(d time.Duration) bool { return time.Since(h.at) < d }

// armSelf arms s from its own socket fd, which must not be connected yet: from
// then on only its peer can send to it. Sent from the peer, the message would
// be charged to the peer's send buffer for as long as it lies there, and 277
// senders fill it (measured).
func (d *datagrams) armSelf(s *sender, fd int) error { return d.armFrom(s, fd) }

// arm arms s, which is connected, from the receive end; but not while a child delays the
// close of an earlier pipe of s, or it could make any number of goroutines wait.
func (d *datagrams) arm(s *sender) error {
	if s.hangup.closing.Load() {
		return errWouldBlock
	}
	return d.armFrom(s, d.fd)
}

// armFrom sends s, from the socket fd, a message that holds the write end of a
// pipe, and has the read end watched.
func (d *datagrams) armFrom(s *sender, fd int) error {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return os.NewSyscallError("pipe2", err)
	}
	defer unix.Close(p[1])
	// The smallest size, because the pages of all pipes of a user count together,
	// and past fs.pipe-user-pages-soft every new pipe is small (pipe(7)).
	unix.FcntlInt(uintptr(p[0]), unix.F_SETPIPE_SZ, os.Getpagesize())
	// One byte: gVisor drops an empty message.
	err := withAddr(s.addr, func(addr *unix.SockaddrUnix) error {
		return unix.Sendmsg(fd, []byte{0}, unix.UnixRights(p[1]), addr, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	})
	if err != nil {
		unix.Close(p[0])
		return fmt.Errorf("watch for its end: %w", os.NewSyscallError("sendmsg", err))
	}
	id, err := d.waiter.Add(p[0], wait.Hangup, s)
	if err != nil {
		unix.Close(p[0])
		return err
	}
	s.hangup.fd, s.hangup.id, s.hangup.at = p[0], id, time.Now()
	return nil
}

// disarm stops watching s, if it is watched. It returns what closes the pipe. The caller
// holds mu.
func (d *datagrams) disarm(s *sender) (closePipe func()) {
	h := &s.hangup
	if !h.armed() {
		return func() {}
	}
	d.waiter.Remove(h.id)
	fd := h.fd
	h.id = 0
	h.closing.Store(true)
	return func() {
		unix.Close(fd)
		h.closing.Store(false)
	}
}

func (h *hangup) close() {
	if h.armed() {
		unix.Close(h.fd)
		h.id = 0
	}
}
