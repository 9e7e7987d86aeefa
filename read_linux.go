//go:build !test_portable

package iomux

import (
	"fmt"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux/internal/testhook"
)

const (
	// batchSize is how many messages one system call receives at most: the
	// default queue of 11 and one more, so that a call that takes them all
	// sees the queue empty, too.
	batchSize = 12

	// A message longer than this touches more than the first page of its slot.
	smallMessage = 4096

	// A message longer than this takes so long to copy that the runtime must be
	// told of the call: a call that it is not told of delays every stop of the
	// world. For shorter messages, telling it costs a quarter more processor time,
	// because its monitor checks every 20 µs whether others need the processor.
	longMessage = 64 << 10

	// If there was no fill for idleAfter, the runtime is told of the next one: what
	// has been written meanwhile may be of any length.
	idleAfter = time.Millisecond

	// toldAfter is how many fills the runtime is told of after a long message.
	toldAfter = 100

	// After this many fills without a message longer than smallMessage, memory is
	// given back. Doing so after every fill costs three quarters of the rate at
	// 64 KiB.
	giveBackAfter = 100
)

// A message is one datagram. Its data is valid until the next fill.
type message struct {
	from []byte // the address of the sender
	data []byte
	time time.Time
	pid  int
}

// A batch receives messages, as many as there are with one system call
// (recvmmsg(2)).
//
// It has a slot for each, which holds the longest. Where there are no such slots, or
// they are not safe, it is a batch of one: it asks for the length of the message
// first, and makes room for that.
type batch struct {
	sawEmpty bool  // the last fill took all there was
	err      error // for the next fill to return, which is to drop the slots

	single bool          // it is to be a batch of one
	slots  *slots        // nil if it is a batch of one
	room   []byte        // for a batch of one
	large  bool          // memory beyond the first pages may be in use
	small  int           // fills since the last message longer than smallMessage
	recent bool          // there was such a message since giveBackIdle was last called
	long   int           // how many more fills the runtime is told of
	last   time.Duration // when mayBeLong last read the clock, since epoch
	idle   time.Duration // idleAfter
	told   bool          // it was told of the last fill
	tell   int32         // of which fills to tell it, in a test

	tagged [batchSize]TaggedData // room for what is made of the messages

	msgs  [batchSize]message
	hdrs  [batchSize]mmsghdr
	iovs  [batchSize]unix.Iovec
	names [batchSize]rawName
	ctrls [batchSize]control
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	unix.Msghdr
	len uint32
}

// rawName has room for the address of a sender, all being of one length.
type rawName struct {
	family uint16
	path   [senderNameLen]byte
}

// rawNameLen is its length without padding.
const rawNameLen = 2 + senderNameLen

// control has room for two control messages, the time and the credentials, and
// for no byte more: with room to spare the kernel would install here the
// descriptors that a child sends.
type control [(timeSpace + credSpace) / wordSize]uintptr

const (
	wordSize  = unsafe.Sizeof(uintptr(0))
	cmsgHead  = (unix.SizeofCmsghdr + wordSize - 1) &^ (wordSize - 1)
	timeSpace = cmsgHead + (unsafe.Sizeof(unix.Timespec{})+wordSize-1)&^(wordSize-1)
	credSpace = cmsgHead + (unix.SizeofUcred+wordSize-1)&^(wordSize-1)
)

// freeBatches has the batches of closed Muxes for new ones. A batch takes 5 KiB, and the
// first use of a page of memory may cost more than any system call of New.
var freeBatches = sync.Pool{New: func() any { return new(batch) }}

func newBatch() *batch {
	b := freeBatches.Get().(*batch)
	b.single, b.idle, b.tell = testhook.SingleMessages.Load(), idleAfter, testhook.Receives.Load()
	for i := range b.hdrs {
		h := &b.hdrs[i]
		h.Name = (*byte)(unsafe.Pointer(&b.names[i]))
		h.Iov = &b.iovs[i]
		h.SetIovlen(1)
		h.Control = (*byte)(unsafe.Pointer(&b.ctrls[i]))
	}
	return b
}

// fill receives what is there, or returns errWouldBlock. What it returned before is
// no longer valid.
func (b *batch) fill(fd int) ([]message, error) {
	b.sawEmpty = false
	if err := b.err; err != nil {
		b.err = nil
		b.dropSlots()
		return nil, err
	}
	if b.large {
		if b.small++; b.small > giveBackAfter {
			b.giveBack()
		}
	}
	if b.slots == nil && b.room == nil {
		b.choose()
	}
	if b.slots == nil {
		return b.fillOne(fd)
	}
	return b.fillSlots(fd)
}

// choose decides, at the first fill, how to receive, and allocates the memory for
// it.
func (b *batch) choose() {
	if !b.single && slotsAreSafe {
		b.slots = takeSlots()
	}
	if b.slots == nil {
		b.room = make([]byte, smallMessage)
		return
	}
	for i := range b.iovs {
		b.iovs[i].Base = b.slots.slot(i)
		b.iovs[i].SetLen(slotSize)
	}
}

// fillSlots receives up to batchSize messages.
func (b *batch) fillSlots(fd int) ([]message, error) {
	for i := range b.hdrs {
		b.prepare(i)
	}
	n, errno := b.receive(fd)
	switch errno {
	case 0:
	case unix.EAGAIN:
		b.sawEmpty = true
		return nil, errWouldBlock
	case unix.EINTR:
		return b.fillSlots(fd)
	case unix.ENOSYS, unix.EPERM: // a kernel, or a filter, without this call
		b.dropSlots()
		return b.fillOne(fd)
	default:
		return nil, os.NewSyscallError("recvmmsg", errno)
	}
	b.sawEmpty = n < batchSize
	for i := range b.hdrs[:n] {
		b.received(i)
	}
	return b.msgs[:n], nil
}

// receive calls recvmmsg(2). The runtime need not know of a call that returns soon,
// but copying megabytes must not delay a stop of the world.
func (b *batch) receive(fd int) (n int, errno unix.Errno) {
	call := unix.RawSyscall6
	if b.told = b.mayBeLong(); b.told {
		call = unix.Syscall6
	}
	r, _, errno := call(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.hdrs)), batchSize, unix.MSG_DONTWAIT, 0, 0)
	return int(r), errno
}

// epoch is an arbitrary time. time.Since(epoch) reads only the monotonic clock.
var epoch = time.Now()

// mayBeLong reports whether the fill that begins may take long, as far as can be
// known before: messages have been long lately, or there was time to write long ones
// since the last fill. Asking the kernel for the length of the first message
// (SIOCINQ in unix(7)) takes 1.3 µs, a timeout that ends the batch 0.3 µs, and this
// 0.04 µs of a fill of 2.8 µs (measured).
func (b *batch) mayBeLong() bool {
	if b.tell != testhook.TellLong {
		return b.tell == testhook.TellEvery
	}
	if b.long > 0 {
		b.long--
		return true
	}
	last := b.last
	b.last = time.Since(epoch)
	return b.last-last > b.idle
}

// fillOne receives one message.
func (b *batch) fillOne(fd int) ([]message, error) {
	length, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), 0, 0, unix.MSG_PEEK|unix.MSG_TRUNC|unix.MSG_DONTWAIT, 0, 0)
	if errno == 0 {
		if length > uintptr(len(b.room)) {
			b.room = make([]byte, length)
		}
		b.iovs[0].Base = &b.room[0]
		b.iovs[0].SetLen(len(b.room))
		b.prepare(0)
		length, _, errno = unix.Syscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.hdrs[0].Msghdr)), unix.MSG_DONTWAIT)
	}
	switch errno {
	case 0:
	case unix.EAGAIN:
		b.sawEmpty = true
		return nil, errWouldBlock
	case unix.EINTR:
		return b.fillOne(fd)
	default:
		return nil, os.NewSyscallError("recvmsg", errno)
	}
	b.hdrs[0].len = uint32(length)
	b.received(0)
	return b.msgs[:1], nil
}

// prepare resets what the kernel has changed in a header.
func (b *batch) prepare(i int) {
	h := &b.hdrs[i]
	h.Namelen = rawNameLen
	h.SetControllen(int(unsafe.Sizeof(control{})))
}

// received makes the message from what the kernel reports.
func (b *batch) received(i int) {
	h, m := &b.hdrs[i], &b.msgs[i]
	*m = message{data: unsafe.Slice(b.iovs[i].Base, h.len)}
	if h.Namelen == rawNameLen {
		m.from = b.names[i].path[:]
	}
	b.ctrls[i].read(int(h.Controllen), m, closeFD)
	if h.len > smallMessage {
		b.large, b.small, b.recent = true, 0, true
	}
	if h.len > longMessage {
		b.long = toldAfter
	}
	if h.Flags&unix.MSG_TRUNC != 0 {
		// No kernel is known that does this. The error is returned once everything
		// in the slots has been, and batches are not used any more.
		b.err = fmt.Errorf("a message of more than %d bytes was cut: %w", h.len, unix.EMSGSIZE)
	}
}

// giveBackIdle gives memory back if it was not used since the last call.
func (b *batch) giveBackIdle() {
	if !b.recent {
		b.giveBack()
	}
	b.recent = false
}

// giveBack gives memory back to the system. Nothing received before is valid
// any more.
func (b *batch) giveBack() {
	if !b.large {
		return
	}
	b.large, b.small = false, 0
	if b.slots != nil {
		b.slots.giveBack()
	} else {
		b.room = make([]byte, smallMessage)
	}
}

// dropSlots makes b a batch of one.
func (b *batch) dropSlots() {
	if b.slots != nil {
		b.slots.release()
	}
	b.slots, b.room = nil, make([]byte, smallMessage)
}

// close leaves the slots, and b itself, to others.
func (b *batch) close() {
	if b.slots != nil {
		b.slots.release()
	}
	*b = batch{}
	freeBatches.Put(b)
}

// read takes the time and the process from the first n bytes. If the kernel left
// one of them out, there was room for descriptors; read passes those to drop.
func (c *control) read(n int, m *message, drop func(fd int)) {
	n = min(n, int(unsafe.Sizeof(*c)))
	for at := 0; at+int(cmsgHead) <= n; {
		p := unsafe.Add(unsafe.Pointer(c), at)
		h := (*unix.Cmsghdr)(p)
		p = unsafe.Add(p, cmsgHead)
		size := int(h.Len) - int(cmsgHead)
		if size < 0 || size > n-at-int(cmsgHead) {
			break
		}
		switch {
		case h.Level != unix.SOL_SOCKET:
		case h.Type == unix.SCM_TIMESTAMPNS && size >= int(unsafe.Sizeof(unix.Timespec{})):
			m.time = time.Unix((*unix.Timespec)(p).Unix())
		case h.Type == unix.SCM_CREDENTIALS && size >= unix.SizeofUcred:
			m.pid = int((*unix.Ucred)(p).Pid)
		case h.Type == unix.SCM_RIGHTS:
			for _, fd := range unsafe.Slice((*int32)(p), size/4) {
				drop(int(fd))
			}
		}
		at += (int(h.Len) + int(wordSize) - 1) &^ (int(wordSize) - 1)
	}
	if m.time.IsZero() {
		m.time = time.Now()
	}
}
