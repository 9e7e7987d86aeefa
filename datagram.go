//go:build linux || (unix && experimental_unix)

package iomux

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/seed-5082a588/iomux/internal/wait"
)

// datagrams is the transport by one datagram socket: the kernel's queue keeps
// the order, and the sender's address, which comes with each message, is the
// tag.
//
// The end of output is known from the table: a sender's row goes when the
// sender is known to be closed everywhere AND the queue has been seen empty
// after that. When no row is left, the output has ended.
type datagrams struct {
	fd     int // receive end; after shut, another socket that nobody can send to
	addr   *address
	probe  int // finds out whether an address is still in use
	waiter *wait.Waiter[*sender]
	queue  func() int // how many messages the queue holds

	// The following belong to the reader that has the turn.
	batch     *batch
	ready     []TaggedData // received, and not yet returned; in the batch
	checked   uint64       // the fill at which the events were last checked
	reclaimAt int          // reclaim when more senders than this are watched
	peekAt    int          // and look into the queue when this many are closed
	checkAt   time.Time    // when to check what no event reports; zero: not scheduled

	replaced wait.Calls // that of shut

	mu        sync.Mutex // guards what follows; held for no call that may take long
	closed    bool
	table     table
	fills     uint64    // how often the queue was received from
	unwatched []*sender // open, as far as known, but no event will report their end
}

// An address is where senders connect to. One goroutine at a time may connect.
type address struct {
	socket string
	anchor *anchor // that it goes through, if any
	dir    string  // private directory, if it has to stay
}

func newAddress(name string, a *anchor, dir string) *address {
	return &address{name, a, dir}
}

// removeDir removes the private directory, if there is one still.
func (a *address) removeDir() error {
	if a.dir == "" || removeSocket(a.dir) == nil {
		return nil
	}
	return os.RemoveAll(a.dir) // on other systems senders have files there, too
}

func (a *address) closeAnchor() {
	if a.anchor != nil {
		a.anchor.close()
	}
}

const (
	// A reader that never catches up checks the events every so many fills,
	// to release what closed senders hold.
	eventInterval = 64

	// No queue holds so many messages. Each fill receives at least one, so after
	// that many nothing is left of a sender that was closed before.
	longestQueue = 1 << 20

	// minPeek is of how many closed senders it is worth looking whether they have left
	// something in the queue, if that holds no more than mostPeeked messages: three times
	// the default.
	minPeek    = 64
	mostPeeked = 32

	// checkAgainAfter bounds the sleep of a reader while something may happen that no
	// event reports: an unwatched sender may be closed, or the memory of large
	// messages may become idle.
	checkAgainAfter = 50 * time.Millisecond
)

func newDatagrams(bind func(fd int) (*address, error)) (_ *datagrams, err error) {
	d := &datagrams{probe: -1, peekAt: minPeek}
	d.queue = sync.OnceValue(func() int { return queueLength(d.fd) })
	if d.fd, err = receiveSocket(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			d.release(true)
		}
	}()
	if d.probe, err = probeSocket(); err != nil {
		return nil, err
	}
	if d.addr, err = bind(d.fd); err != nil {
		return nil, err
	}
	if d.waiter, err = wait.ForSocket[*sender](d.fd); err != nil {
		d.addr.removeDir()
		return nil, err
	}
	d.batch = newBatch()
	return d, nil
}

func (d *datagrams) add(tag string) (*os.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errClosed
	}
	fd, s, err := d.connect(tag)
	if err != nil {
		return nil, err
	}
	d.table.add(s)
	if !s.hangup.armed() {
		d.unwatched = append(d.unwatched, s)
		d.waiter.Wake() // to check again after a time, not only at events
	}
	return senderFile(fd, tag), nil
}

// connect makes a socket that is connected to the receive end, and watched.
func (d *datagrams) connect(tag string) (_ int, _ *sender, err error) {
	fd, addr, err := senderSocket(d.addr)
	if err != nil {
		return -1, nil, err
	}
	s := &sender{tag: tag, addr: addr, probe: -1}
	defer func() {
		if err != nil {
			d.disarm(s)()
			closeFD(fd)
			removeAddress(addr)
		}
	}()
	if err := d.armSelf(s, fd); err != nil {
		return -1, nil, err
	}
	if err := d.addr.connect(fd); err != nil {
		return -1, nil, err
	}
	if err := d.chooseProbe(s); err != nil {
		return -1, nil, err
	}
	return fd, s, nil
}

// chooseProbe gives s a probe of its own if it needs one: s was made in the network
// namespace of this thread, and the probe of the others sees only that of its own.
func (d *datagrams) chooseProbe(s *sender) (err error) {
	if !unused(d.probe, s.addr) {
		return nil
	}
	s.probe, err = probeSocket()
	return err
}

// reclaim is for a caller that makes many senders and does not read. It is due again when
// there are twice as many as it leaves, so it costs each sender little.
func (d *datagrams) reclaim(now bool) {
	if !now && d.waiter.Len() <= d.reclaimAt {
		return
	}
	d.checkEvents()
	d.reclaimAt = 2*d.waiter.Len() + 1
	if queueEmpty(d.fd) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.fills++
		d.table.remove(d.fills)
	} else if len(d.table.closed) >= d.peekAt { // only who has the turn changes closed
		d.removeUnheard()
	}
}

// removeUnheard removes the closed senders of which nothing is in the queue. It is due
// again when there are twice as many as it leaves.
func (d *datagrams) removeUnheard() {
	queued, ok := queuedAddrs(d.fd, mostPeeked)
	d.mu.Lock()
	defer d.mu.Unlock()
	if ok {
		d.table.removeClosed(func(s *sender) bool { return !queued[s.addr] })
	}
	d.peekAt = max(2*len(d.table.closed), minPeek)
}

func (d *datagrams) receive() (TaggedData, error) {
	if len(d.ready) == 0 {
		if err := d.refill(); err != nil {
			return TaggedData{}, err
		}
	}
	next := d.ready[0]
	d.ready = d.ready[1:]
	return next, nil
}

// refill receives until something is ready. It does not receive strangers' messages
// forever, but at most as many as the queue can hold.
func (d *datagrams) refill() error {
	for strangers := 0; strangers == 0 || strangers <= d.backlog(); {
		if d.waiter.Found() {
			d.checkEvents()
		}
		n, err := d.fill()
		switch {
		case len(d.ready) > 0:
			return nil
		case err == nil:
			strangers += n
		case err != errWouldBlock:
			return fmt.Errorf("iomux: receive: %w", err)
		case d.ended():
			d.batch.giveBack()
			return io.EOF
		case !d.checkUnwatched():
			return errWouldBlock
		}
	}
	return errRetry
}

// ended reports whether no sender is left that could have written something, after
// the queue was seen empty.
func (d *datagrams) ended() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.table.ended()
}

// fill receives what is in the queue, once everything that it received last time has
// been returned. It returns the number of messages, including strangers'.
func (d *datagrams) fill() (int, error) {
	fills := d.nextFill()
	msgs, err := d.batch.fill(d.fd)
	d.ready = d.batch.tagged[:0]
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range msgs {
		m := &msgs[i]
		if s := d.table.find(m.from); s != nil && len(m.data) > 0 {
			d.ready = append(d.ready, TaggedData{Tag: s.tag, Data: m.data, Time: m.time, PID: m.pid})
		}
	}
	if d.batch.sawEmpty {
		d.table.remove(fills)
	} else if fills > longestQueue {
		d.table.remove(fills - longestQueue)
	}
	return len(msgs), err
}

// nextFill returns the number of a fill that begins. A sender that is found closed
// from here on is removed by a later one. Those that are found closed before are
// removed by this one, if it sees the queue empty: nobody is woken for them again.
func (d *datagrams) nextFill() uint64 {
	d.mu.Lock()
	due := d.fills-d.checked >= eventInterval
	d.mu.Unlock()
	if due {
		d.checkEvents()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fills++
	return d.fills
}

// checkEvents handles the pending events. It reports whether there were any: then
// the queue must be received from again.
func (d *datagrams) checkEvents() (some bool) {
	d.mu.Lock()
	d.checked = d.fills
	d.mu.Unlock()
	for hung := d.takeHung(); len(hung) > 0; hung = d.takeHung() {
		some = true
		for _, s := range hung {
			d.hungUp(s)
		}
	}
	return some
}

// takeHung takes some events, and disarms their senders.
func (d *datagrams) takeHung() (hung []*sender) {
	var calls []func() // a child may have taken the message, and read from the pipe
	for len(hung) < 64 {
		s, _, ok := d.waiter.Next()
		if !ok {
			break
		}
		hung = append(hung, s)
		d.mu.Lock() // an event may come while add, which holds mu, still works on s
		calls = append(calls, d.disarm(s))
		d.mu.Unlock()
	}
	wait.Bounded(calls...)
	return hung
}

// hungUp decides what the hangup of s is: the end of s, or a false alarm. After a
// false alarm s is watched again, but not at once if alarms come quickly: a child
// that keeps reading from its standard output would keep both sides busy.
func (d *datagrams) hungUp(s *sender) {
	if !d.gone(s) && (s.hangup.armedSince(checkAgainAfter) || d.arm(s) != nil) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.unwatched = append(d.unwatched, s)
	}
}

// gone reports whether s is closed everywhere, and if so, records it.
func (d *datagrams) gone(s *sender) bool {
	probe := d.probe
	if s.probe >= 0 {
		probe = s.probe
	}
	if !unused(probe, s.addr) {
		return false
	}
	removeAddress(s.addr)
	s.closeProbe()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.table.markClosed(s, d.fills)
	return true
}

// checkUnwatched handles what no event reports. It probes the unwatched senders at each
// call; when checkAt has come, it also tries to arm them again and gives back idle
// memory. It makes sure that the reader is woken for that. It reports whether a sender
// turned out to be closed: then the queue must be received from again.
func (d *datagrams) checkUnwatched() (some bool) {
	unwatched := d.takeUnwatched()
	if len(unwatched) == 0 && !d.batch.large {
		return false
	}
	// Whenever the queue is empty, so that TryRead returns io.EOF at once after a
	// child has been waited for.
	open := slices.DeleteFunc(unwatched, d.gone)
	some = len(open) < len(unwatched)
	now := time.Now()
	if !d.checkAt.IsZero() && !now.Before(d.checkAt) {
		d.checkAt = time.Time{}
		d.batch.giveBackIdle()
		open = slices.DeleteFunc(open, func(s *sender) bool { return d.arm(s) == nil })
	}
	if d.checkAt.IsZero() {
		d.checkAt = now.Add(checkAgainAfter)
		d.waiter.WakeAfter(checkAgainAfter)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unwatched = append(open, d.unwatched...) // with those that came meanwhile
	return some
}

func (d *datagrams) takeUnwatched() []*sender {
	d.mu.Lock()
	defer d.mu.Unlock()
	unwatched := d.unwatched
	d.unwatched = nil
	return unwatched
}

func (d *datagrams) park() error {
	if d.waiter.Look() {
		return nil
	}
	return d.waiter.Park()
}

func (d *datagrams) wake() { d.waiter.Wake() }

// backlog is the length of the queue and of the batch received from it, and one more.
func (d *datagrams) backlog() int { return d.queue() + batchSize + 1 }

// shut replaces the receive end by another socket. The number stays in use, because
// a reader may be about to use it.
func (d *datagrams) shut() error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	var err error
	replace := func() { err = replaceFD(d.fd, d.probe) }
	if queueEmpty(d.fd) {
		replace()
	} else if !d.replaced.Make(replace) { // what is queued may hold descriptors whose close a child can delay
		return d.addr.removeDir() // only the close of the old socket takes long, and it cannot fail
	}
	return errors.Join(err, d.addr.removeDir())
}

func (d *datagrams) release(reuse bool) {
	if d.waiter != nil {
		d.waiter.Close()
		var calls []func()
		for _, s := range d.table.rows { // a child may have taken the write end of a hangup
			calls = append(calls, func() { s.hangup.close(); s.closeProbe() })
		}
		wait.Bounded(calls...)
		if reuse {
			d.batch.close()
			d.batch, d.ready = nil, nil
		}
	}
	if d.addr != nil {
		// The last close of the socket's file, and so of its directory, takes long on
		// some disks: not for Close to wait for, if there is a reader.
		d.addr.closeAnchor()
	}
	d.replaced.Then(d.closeSockets)
}

func (d *datagrams) closeSockets() {
	if d.probe >= 0 {
		closeFD(d.probe)
	}
	closeFD(d.fd)
}
