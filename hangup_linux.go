package iomux

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// hangups tell when the last copy of a sender is closed, anywhere.
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
type hangups struct {
	events  epoll
	senders map[int32]*sender // by number
	made    int32             // the number of the last one, from 1 on
}

// A hangup is the sender's part of it.
type hangup struct {
	fd int // read end of the pipe
	// number is of this hangup alone, unlike fd: a parked reader may have found an
	// event of one that is dropped when it is taken.
	number int32
	at     time.Time // when it was armed, zero if it is not
}

func (h *hangup) armed() bool { return !h.at.IsZero() }

// armedSince tells whether h was armed within the last d.
func (h *hangup) armedSince(d time.Duration) bool { return time.Since(h.at) < d }

func newHangups(p *poller) hangups {
	return hangups{events: p.events, senders: make(map[int32]*sender)}
}

// armSelf arms s from its own socket fd, which must not be connected yet: from
// then on only its peer can send to it. Sent from the peer, the message would
// be charged to the peer's send buffer for as long as it lies there, and 277
// senders fill it (measured).
func (h *hangups) armSelf(s *sender, fd int) error { return h.arm(s, fd) }

// arm sends s, from the socket fd, a message that holds the write end of a pipe,
// and watches the read end.
func (h *hangups) arm(s *sender, fd int) error {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return os.NewSyscallError("pipe2", err)
	}
	defer unix.Close(p[1])
	// The smallest size, for all the pages of a user's pipes count together, and
	// past fs.pipe-user-pages-soft all its new pipes are small (pipe(7)).
	unix.FcntlInt(uintptr(p[0]), unix.F_SETPIPE_SZ, os.Getpagesize())
	// One byte, for gVisor drops a message without.
	err := unix.Sendmsg(fd, []byte{0}, unix.UnixRights(p[1]), &unix.SockaddrUnix{Name: s.addr}, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if err != nil {
		unix.Close(p[0])
		return fmt.Errorf("watch for its end: %w", os.NewSyscallError("sendmsg", err))
	}
	h.made++
	if err := h.events.add(p[0], h.made, 0); err != nil { // EPOLLHUP is always told
		unix.Close(p[0])
		return err
	}
	s.hangup = hangup{fd: p[0], number: h.made, at: time.Now()}
	h.senders[h.made] = s
	return nil
}

// sender gives the one that ev is the hangup of, nil if it is another event.
func (h *hangups) sender(ev event) *sender { return h.senders[ev.Fd] }

// drop ends the watch over s, if there is one.
func (h *hangups) drop(s *sender) {
	if !s.hangup.armed() {
		return
	}
	h.events.remove(s.hangup.fd)
	unix.Close(s.hangup.fd)
	delete(h.senders, s.hangup.number)
	if len(h.senders) == 0 {
		h.senders = make(map[int32]*sender) // a map does not shrink
	}
	s.hangup = hangup{}
}

// close ends all watches. The poller is closed already.
func (h *hangups) close() {
	for _, s := range h.senders {
		unix.Close(s.hangup.fd)
	}
	h.senders = nil
}
