//go:build (linux && test_portable) || (unix && !linux && experimental_unix)

package iomux

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// batchSize is how many messages one fill brings at most.
	batchSize = 1

	// minRoom is the room for a message at first, and after large ones.
	minRoom = 64 << 10

	// After so many fills without a message that needs more, it is made that
	// small again.
	giveBackAfter = 100
)

// A message is one datagram. Its data is valid until the next fill.
type message struct {
	from []byte // the address of the sender
	data []byte
	time time.Time
	pid  int
}

// A batch receives messages, one by one, with nothing but what every UNIX
// system has: it looks at the message, with more and more room, until that is
// not filled to its end, and then takes it from the queue.
type batch struct {
	tagged   [batchSize]TaggedData // room for what is made of the message
	msg      [batchSize]message
	sawEmpty bool // the last fill found nothing
	room     []byte
	large    bool // room is more than minRoom
	small    int  // fills since it was needed
	recent   bool // it was needed since giveBackIdle was last called
}

func newBatch() *batch { return &batch{room: make([]byte, minRoom)} }

// fill receives a message, or returns errWouldBlock. What it returned before is no
// longer valid.
func (b *batch) fill(fd int) ([]message, error) {
	if b.large {
		if b.small++; b.small > giveBackAfter {
			b.giveBack()
		}
	}
	n, err := b.peek(fd)
	b.sawEmpty = err == errWouldBlock
	if err != nil {
		return nil, err
	}
	_, from, err := receiveInto(fd, b.room[:1], 0) // discards it
	if err != nil {
		return nil, err
	}
	b.msg[0] = message{from: rawAddress(from), data: b.room[:n:n], time: time.Now()}
	return b.msg[:], nil
}

// peek copies the next message into room, making that large enough.
func (b *batch) peek(fd int) (int, error) {
	for {
		n, _, err := receiveInto(fd, b.room, unix.MSG_PEEK)
		if err != nil {
			return 0, err
		}
		if n < len(b.room) {
			if n >= minRoom {
				b.small, b.recent = 0, true
			}
			return n, nil
		}
		b.room = make([]byte, 2*len(b.room))
		b.large = true
	}
}

// giveBackIdle gives memory back if it was not needed since the last call.
func (b *batch) giveBackIdle() {
	if !b.recent {
		b.giveBack()
	}
	b.recent = false
}

// giveBack gives memory back. Nothing received before is valid any more; it is
// for the garbage collector once nobody holds it.
func (b *batch) giveBack() {
	if b.large {
		b.room = make([]byte, minRoom)
		b.large, b.small = false, 0
	}
}

func (b *batch) close() {}

// receiveInto is recvfrom(2) on a nonblocking socket.
func receiveInto(fd int, room []byte, flags int) (int, unix.Sockaddr, error) {
	for {
		n, from, err := unix.Recvfrom(fd, room, flags)
		switch err {
		case nil:
			return n, from, nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, nil, errWouldBlock
		default:
			return 0, nil, os.NewSyscallError("recvfrom", err)
		}
	}
}

// rawAddress is the address as senders have it: x/sys shows the NUL of an
// abstract one as an @.
func rawAddress(from unix.Sockaddr) []byte {
	sa, ok := from.(*unix.SockaddrUnix)
	if !ok {
		return nil
	}
	raw := []byte(sa.Name)
	if len(raw) > 0 && raw[0] == '@' {
		raw[0] = 0
	}
	return raw
}
