//go:build linux || (unix && experimental_unix)

package iomux

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// datagrams is the transport by one datagram socket: the kernel's queue keeps
// the order, and the sender's address, which comes with each message, is the
// tag.
//
// The end of output is known from the table: a sender's row goes when the
// sender is known to be closed everywhere AND the queue has been seen empty
// after that. When no row is left, the output has ended.
type datagrams struct {
	fd      int
	addr    *address
	poller  *poller
	batch   *batch
	ready   []TaggedData          // received, and not handed out yet
	room    [batchSize]TaggedData // for ready
	table   table
	hangups hangups

	fills    int       // how often the queue was received from
	looked   int       // the fill at which the events were last looked at
	limit    int       // what backlog gives, 0 if not asked yet
	suspects []*sender // open, as far as known, but no event will tell
	again    alarm     // wakes the reader at lookAt
	lookAt   time.Time // when to look after what no event tells; zero: never
}

// An address is where senders connect to.
type address struct {
	name string   // for connect
	via  *os.File // that the name goes through, if any
	dir  string   // private directory, if it has to stay
}

func (a *address) close() error {
	var err error
	if a.via != nil {
		err = a.via.Close()
	}
	if a.dir != "" && removeSocket(a.dir) != nil {
		// Elsewhere than on Linux senders have files there, too.
		err = errors.Join(err, os.RemoveAll(a.dir))
	}
	return err
}

const (
	// A reader that never catches up looks at the events every so many fills,
	// to give back what closed senders hold.
	eventInterval = 64

	// No queue holds so many messages: after that many fills, each of which
	// brought one at least, a sender that had died before is done with.
	longestQueue = 1 << 20
)

func newDatagrams(bind func(fd int) (*address, error)) (*datagrams, error) {
	fd, err := receiveSocket()
	if err != nil {
		return nil, err
	}
	addr, err := bind(fd)
	if err != nil {
		closeFD(fd)
		return nil, err
	}
	p, err := newSocketPoller(fd)
	if err != nil {
		addr.close()
		closeFD(fd)
		return nil, err
	}
	return &datagrams{fd: fd, addr: addr, poller: p, batch: newBatch(), hangups: newHangups(p)}, nil
}

func (d *datagrams) add(tag string) (*os.File, error) {
	d.tend()
	fd, s, err := d.connect(tag)
	if err != nil {
		return nil, err
	}
	d.table.add(s)
	if !s.hangup.armed() {
		d.suspects = append(d.suspects, s)
		d.poller.wake() // to look again after a time, not only at events
	}
	return senderFile(fd, tag), nil
}

// connect makes a socket that is connected to the receive end, and watched.
func (d *datagrams) connect(tag string) (_ int, _ *sender, err error) {
	fd, addr, err := senderSocket(d.addr)
	if err != nil {
		return -1, nil, err
	}
	s := &sender{tag: tag, addr: addr}
	defer func() {
		if err != nil {
			d.hangups.drop(s)
			closeFD(fd)
			removeAddress(addr)
		}
	}()
	if err := d.hangups.armSelf(s, fd); err != nil {
		return -1, nil, err
	}
	if err := connectSocket(fd, d.addr.name); err != nil {
		return -1, nil, err
	}
	return fd, s, nil
}

// tend gives back what closed senders hold, for a caller that makes many and
// does not read. It may take an event that a parked reader waits for.
func (d *datagrams) tend() {
	if d.collect() {
		d.poller.wake()
	}
	if len(d.table.dead) > 0 && queueEmpty(d.fd) {
		d.fills++
		d.table.forget(d.fills)
	}
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

// refill receives until something is ready. What strangers send it does not
// receive for ever, but no more of it than the queue can hold.
func (d *datagrams) refill() error {
	for strangers := 0; strangers == 0 || strangers <= d.backlog(); {
		if ev, ok := d.poller.take(); ok && d.heard(ev) {
			d.collect() // a hangup seldom comes alone
		}
		n, err := d.fill()
		switch {
		case len(d.ready) > 0:
			return nil
		case err == nil:
			strangers += n
		case err != errNothing:
			return fmt.Errorf("iomux: receive: %w", err)
		case d.table.ended():
			d.batch.giveBack()
			return io.EOF
		case !d.lookLater():
			return errNothing
		}
	}
	return errAgain
}

// fill receives what is in the queue, after all that it brought last time has
// been handed out. It tells how many messages that were, strangers' too.
func (d *datagrams) fill() (int, error) {
	if d.fills-d.looked >= eventInterval {
		d.collect()
		d.table.forget(d.fills - longestQueue)
	}
	d.fills++
	msgs, err := d.batch.fill(d.fd)
	d.ready = d.room[:0]
	for i := range msgs {
		m := &msgs[i]
		if s := d.table.find(m.from); s != nil && len(m.data) > 0 {
			d.ready = append(d.ready, TaggedData{Tag: s.tag, Data: m.data, Time: m.time, PID: m.pid})
		}
	}
	if d.batch.sawEmpty {
		d.table.forget(d.fills)
	}
	d.poller.received(len(msgs))
	return len(msgs), err
}

// collect takes the events that are there. It tells whether there was any: the
// queue must be looked at again then.
func (d *datagrams) collect() (some bool) {
	d.looked = d.fills
	for {
		ev, ok := d.poller.look()
		if !ok {
			return some
		}
		some = true
		d.heard(ev)
	}
}

// heard acts upon an event. It tells whether it was a hangup.
func (d *datagrams) heard(ev event) bool {
	s := d.hangups.sender(ev)
	if s != nil {
		d.hungUp(s)
	}
	return s != nil
}

// hungUp takes the hangup of s for what it is: the end of s, or a false alarm.
// After a false alarm it is watched anew, but not at once when alarms come
// quickly: a child that goes on reading from its standard output would keep
// both sides busy.
func (d *datagrams) hungUp(s *sender) {
	quick := s.hangup.armedSince(lookAgainAfter)
	d.hangups.drop(s)
	if !d.buried(s) && (quick || d.hangups.arm(s, d.fd) != nil) {
		d.suspects = append(d.suspects, s)
	}
}

// buried tells whether s is closed everywhere, and buries it then. A probe that
// cannot be made, for want of descriptors, tells nothing: s stays a suspect.
func (d *datagrams) buried(s *sender) bool {
	gone, err := probe(s.addr)
	if err != nil || !gone {
		return false
	}
	removeAddress(s.addr)
	d.table.bury(s, d.fills)
	return true
}

// lookLater looks after what no event tells, when it is time to, and sees to it
// that the reader is woken for that. It tells whether a suspect turned out to
// be closed: the queue must be looked at again then.
func (d *datagrams) lookLater() (some bool) {
	if len(d.suspects) == 0 && !d.batch.large {
		return false
	}
	some = d.burySuspects()
	now := time.Now()
	if !d.lookAt.IsZero() && !now.Before(d.lookAt) {
		d.lookAt = time.Time{}
		d.batch.giveBack()
		d.rearmSuspects()
	}
	if d.lookAt.IsZero() {
		d.lookAt = now.Add(lookAgainAfter)
		d.again.set(d.poller)
	}
	return some
}

// burySuspects buries those that are closed, whenever the queue is empty: who
// has waited for a child and then calls TryRead is to get io.EOF at once.
func (d *datagrams) burySuspects() (some bool) {
	open := len(d.suspects)
	d.suspects = slices.DeleteFunc(d.suspects, d.buried)
	return len(d.suspects) < open
}

// rearmSuspects watches those again that it can.
func (d *datagrams) rearmSuspects() {
	d.suspects = slices.DeleteFunc(d.suspects, func(s *sender) bool { return d.hangups.arm(s, d.fd) == nil })
}

func (d *datagrams) look() bool  { return d.poller.find() }
func (d *datagrams) poll() bool  { return d.poller.poll() }
func (d *datagrams) park() error { return d.poller.park() }
func (d *datagrams) wake()       { d.poller.wake() }

// backlog is the queue, the batch that came out of it, and one.
func (d *datagrams) backlog() int {
	if d.limit == 0 {
		d.limit = queueLength() + batchSize + 1
	}
	return d.limit
}

func (d *datagrams) close() error {
	d.again.stop()
	err := d.poller.close() // after this nobody is parked
	d.hangups.close()
	d.batch.close()
	closeFD(d.fd)
	return errors.Join(err, d.addr.close())
}
