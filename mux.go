//go:build linux || (unix && experimental_unix)

package iomux

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

// Stdout and Stderr are the tags of the two streams of a command that [Output]
// or [Run] runs.
const Stdout, Stderr = "stdout", "stderr"

// TaggedData is one piece of what was written, and where it came from.
type TaggedData struct {
	// Tag is the tag of the sender; "" if it was made by [Mux.MakeSender].
	Tag string

	// Data is what was written. It has at least one byte, except in the value
	// that accompanies an error. It belongs to the Mux and is valid until the
	// next read or Close of the Mux; copy what must live longer. Using it
	// later may show other bytes, but never faults.
	Data []byte

	// Time is when the kernel accepted the write (Linux, SO_TIMESTAMPNS in
	// socket(7)), by the system's clock, which may be set back. With
	// [NewPipe], and on other systems, it is when the piece was read.
	Time time.Time

	// PID is the ID of the process that wrote (Linux, SO_PASSCRED in
	// unix(7)), as numbered in the reader's PID namespace. It is 0 if it is
	// not known: with [NewPipe], on other systems, and for a writer that is
	// not visible in the reader's namespace.
	PID int
}

// A Mux is one receive end for any number of senders. What is written to the
// senders comes out of it in the order of the writes, tagged by sender.
//
// All methods may be called at any time, from any goroutine. One goroutine
// reads at a time: a second reader waits until the first has returned, and
// its read invalidates the Data that the first one holds. Each piece comes
// out once.
//
// The zero Mux cannot be used; [New], [NewIn], [NewAbstract] and [NewPipe]
// make one. A Mux holds descriptors until [Mux.Close], or until the garbage
// collector finds it unreachable.
type Mux struct {
	t      transport
	turn   turn        // the right to read
	closed atomic.Bool // Close was called,
	shut   atomic.Bool // and has shut t

	holders atomic.Int32    // how many Output and Run still use Data: the last one frees
	freed   bool            // t.release was called; guarded by the turn
	watched *watchedContext // guarded by the turn
	cleanup runtime.Cleanup // for a Mux that is dropped without Close
}

// A transport carries what is written to the senders up to the Mux.
//
// reclaim, receive, checkEvents and park are for the reader whose turn it is. add, wake and
// backlog may be called at any time, also together with these and after shut.
type transport interface {
	// add makes a sender.
	add(tag string) (*os.File, error)

	// reclaim releases what closed senders hold; if now is not set, only when there
	// are about twice as many senders as the last one left.
	reclaim(now bool)

	// receive returns the next piece, without waiting for one: errWouldBlock when
	// there is none, errRetry when it does not know yet, io.EOF when there is
	// none and no sender is left that could write one.
	receive() (TaggedData, error)

	// checkEvents checks, after errWouldBlock, for events that receive does not check,
	// such as the end of a sender. It reports whether to call receive again.
	checkEvents() bool

	// park waits, after errWouldBlock, until receive is worth another call:
	// something came, or wake was called.
	park() error

	// wake makes the park that is under way, or else the next one, return.
	wake()

	// backlog returns how many pieces can have been written and not yet received.
	backlog() int

	// shut closes the receive end: no sender can write any more. It is called
	// once, whatever the reader does, and does not wait for it.
	shut() error

	// release gives back what is left after shut, once nobody reads. The memory of
	// Data may be reused if nobody can hold any.
	release(reuse bool)
}

var (
	errWouldBlock       = errors.New("iomux: nothing to read now")
	errRetry            = errors.New("iomux: receive again")
	errClosed     error = closedError{}
)

// A closedError is made without package fmt, whose first use is slow: every program
// that imports this package would pay for it at its start.
type closedError struct{}

func (closedError) Error() string { return "iomux: Mux is closed: " + os.ErrClosed.Error() }
func (closedError) Unwrap() error { return os.ErrClosed }

// New makes a Mux whose receive end is a datagram socket in a private
// directory (mode 0700) under [os.TempDir]. It does not block. The caller
// must call [Mux.Close] when done.
//
// On Linux the directory and the socket in it are removed before New returns:
// nothing is left behind, however the process ends after that, and nobody
// without the rights of this process can reach the receive end. Where /proc
// is not mounted, and on other systems, the directory stays until
// [Mux.Close].
//
// An error matches what the system reported: [os.ErrNotExist],
// [os.ErrPermission], unix.ENOTDIR or unix.ENAMETOOLONG for the directory,
// unix.EMFILE or unix.ENFILE for descriptors. Nothing is left behind then. On
// Linux a Mux holds four descriptors, one more is shared by all of them, and
// each open sender takes two, one of which is the sender itself.
//
// On Linux a process can still make senders after it has changed its root directory
// (chroot(2)) or its user (setuid(2)). The shared descriptor is of the directory
// /proc/self/fd, and an open directory leads out of a new root (chroot(2)); to confine
// this process against its own code, use [NewPipe] or [NewAbstract].
func New() (*Mux, error) { return NewIn("") }

// NewIn is [New] with the private directory under dir, which must exist and
// be writable. If dir is empty, it is [os.TempDir].
//
// On Linux dir may be of any length. Where /proc is not mounted, and on other
// systems, the path of the socket must fit into a socket address (107 bytes
// on Linux, see unix(7)); if it does not, the error matches
// unix.ENAMETOOLONG.
func NewIn(dir string) (*Mux, error) {
	return newDatagramMux(func(fd int) (*address, error) { return bindInDir(fd, dir) })
}

func newDatagramMux(bind func(fd int) (*address, error)) (*Mux, error) {
	d, err := newDatagrams(bind)
	if err != nil {
		return nil, fmt.Errorf("iomux: make Mux: %w", err)
	}
	return newMux(d), nil
}

func newMux(t transport) *Mux {
	m := &Mux{t: t, turn: newTurn(), watched: &watchedContext{wake: t.wake}}
	m.cleanup = runtime.AddCleanup(m, abandon, abandoned{t, m.watched})
	return m
}

// An abandoned is what remains of a Mux that was dropped without Close.
type abandoned struct {
	t       transport
	watched *watchedContext
}

func abandon(a abandoned) {
	a.watched.stop()
	a.t.shut()
	a.t.release(false)
}

// Read returns the next piece of what was written, in the order of the
// writes.
//
// It blocks until there is one. It returns [io.EOF] when every copy of every
// sender is closed, in this process and in all others, and everything that
// was written has been read; making a new sender ends that state. Before the
// first sender is made, Read blocks. After [Mux.Close], which also wakes a
// blocked Read, the error matches [os.ErrClosed]. Any other error is the
// system's and matches its errno; the Mux stays usable. Writes of zero bytes
// are skipped.
//
// The Data of the result is valid until the next read or Close of the Mux.
// Read does not allocate, for pieces up to 64 KiB at least.
func (m *Mux) Read() (TaggedData, error) {
	return m.ReadContext(context.Background())
}

// ReadContext is [Mux.Read] that returns when ctx ends, with the error of
// ctx: [context.Canceled] or [context.DeadlineExceeded]. It does not read if
// ctx has already ended, and stops waiting for another reader when ctx ends.
// Nothing is lost: what arrives later is there for the next read. ctx must
// not be nil.
func (m *Mux) ReadContext(ctx context.Context) (TaggedData, error) {
	if err := ctx.Err(); err != nil {
		return TaggedData{}, m.orClosed(err)
	}
	if !m.turn.try(reading) {
		if err := m.turn.get(ctx); err != nil {
			return TaggedData{}, m.orClosed(err)
		}
	}
	d, err := m.read(ctx)
	m.leave()
	if m.closed.Load() { // and the memory of Data may be in use for another Mux
		return TaggedData{}, errClosed
	}
	return d, err
}

// read reads for the one whose turn it is.
func (m *Mux) read(ctx context.Context) (TaggedData, error) {
	for {
		if m.closed.Load() {
			return TaggedData{}, errClosed
		}
		d, err := m.t.receive()
		if err == nil {
			return d, nil
		}
		if err != errWouldBlock && err != errRetry {
			return TaggedData{}, m.orClosed(err)
		}
		// Watch ctx first, then check it: contexts that end before anybody calls Done
		// share one closed channel, so watch may mistake ctx for one that it watched
		// before. A wake that comes too late finds another read parked, or none. It
		// costs one more round, and cannot be mistaken for a cancel.
		m.watched.watch(ctx)
		if err := ctx.Err(); err != nil {
			return TaggedData{}, m.orClosed(err)
		}
		if err == errRetry {
			continue
		}
		if err := m.t.park(); err != nil {
			return TaggedData{}, m.orClosed(fmt.Errorf("iomux: wait for data: %w", err))
		}
	}
}

// holdData keeps Data valid after Close, until dropData. It is for those that pass Data
// to somebody who knows nothing of the Mux.
func (m *Mux) holdData() { m.holders.Add(1) }

func (m *Mux) dropData() {
	m.holders.Add(-1)
	if m.shut.Load() {
		m.free()
	}
}

// leave gives the turn back. If the Mux was closed meanwhile, whoever had the turn
// gives back the rest.
func (m *Mux) leave() {
	m.turn.put()
	if m.shut.Load() {
		m.free()
	}
}

// free gives back what Close has left, if nobody reads or uses Data. Otherwise whoever
// does so will.
func (m *Mux) free() {
	if m.holders.Load() == 0 && m.turn.try(tidying) {
		if !m.freed {
			m.freed = true
			m.watched.stop()
			m.t.release(true)
		}
		m.turn.put()
	}
}

// TryRead is [Mux.Read] that never blocks; ok reports whether there was a
// piece. If there is nothing to read now, or another goroutine is reading, ok
// is false and err is nil. The error is [io.EOF] at the end of output, and
// matches [os.ErrClosed] after [Mux.Close].
//
// What was written before the call, by any process, is there: after a child
// has been waited for, TryRead returns all its output, and then io.EOF if
// nobody else has a copy of a sender.
func (m *Mux) TryRead() (d TaggedData, ok bool, err error) {
	if !m.turn.tryPast(reading) {
		return TaggedData{}, false, m.orClosed(nil)
	}
	if !m.closed.Load() {
		d, err = m.t.receive()
		for err == errWouldBlock && m.t.checkEvents() {
			d, err = m.t.receive()
		}
	}
	m.leave()
	if m.closed.Load() {
		return TaggedData{}, false, errClosed
	}
	switch err {
	case nil:
		return d, true, nil
	case errWouldBlock, errRetry:
		return TaggedData{}, false, nil
	}
	return TaggedData{}, false, err
}

// All yields every piece, as [Mux.ReadContext] returns it, until [io.EOF],
// which it does not yield, or until another error, such as that of ctx, which
// it yields as the last value and with no Data. Data is valid until the next
// iteration. The Mux stays open, even if the loop is left early; another loop
// continues from there.
func (m *Mux) All(ctx context.Context) iter.Seq2[TaggedData, error] {
	return func(yield func(TaggedData, error) bool) {
		for {
			d, err := m.ReadContext(ctx)
			if err == io.EOF || !yield(d, err) || err != nil {
				return
			}
		}
	}
}

// Close closes the receive end. It does not wait for a reader, and waits at
// most some 100 milliseconds for a child that is stuck in the middle of a
// write. A blocked read, and every later call, returns an error that matches
// [os.ErrClosed]; closing again does nothing and returns nil. What was written
// and not read is lost, and Data is no longer valid, except what [Mux.Output]
// and [Mux.Run] are passing on. Writers, including those blocked on a full
// queue, get an error: from a socket ECONNREFUSED, and ENOTCONN for later
// writes, both without SIGPIPE; from a pipe EPIPE and SIGPIPE (seen on Linux).
//
// Close does not close senders; whoever holds them does. The Mux is closed
// even if Close returns an error, which means that a directory that had to
// stay until now (see [New]) could not be removed.
func (m *Mux) Close() error {
	if m.closed.Swap(true) {
		return nil
	}
	m.cleanup.Stop()
	err := m.t.shut()
	m.shut.Store(true)
	m.t.wake()
	m.free()
	return err
}

// A watchedContext is the context of the last read that slept: its end calls wake.
// It goes on being watched after that read, so that a loop of reads need not have
// it watched anew each time.
type watchedContext struct {
	wake     func()
	done     <-chan struct{} // tells it from others
	stopFunc func() bool
}

func (w *watchedContext) watch(ctx context.Context) {
	done := ctx.Done()
	if done == nil || done == w.done {
		return
	}
	w.stop()
	w.done, w.stopFunc = done, context.AfterFunc(ctx, w.wake)
}

func (w *watchedContext) stop() {
	if w.stopFunc != nil {
		w.stopFunc()
		w.done, w.stopFunc = nil, nil
	}
}

// orClosed returns the error of a call that failed with err: a closed Mux is the
// reason before all others.
func (m *Mux) orClosed(err error) error {
	if m.closed.Load() {
		return errClosed
	}
	return err
}

// A turn is the right to read from a Mux, which one goroutine has at a time. Unlike
// a mutex it can be waited for with a context.
type turn struct {
	holder  atomic.Int32  // what the holder has it for; nothing if it is free
	waiting atomic.Int32  // how many wait for it
	free    chan struct{} // holds a token after it was given back while somebody waited
}

// What somebody has the turn for.
const (
	nothing int32 = iota
	reading
	tidying // takes a few system calls, and waits for nobody
)

func newTurn() turn { return turn{free: make(chan struct{}, 1)} }

// try gets the turn if nobody has it.
func (t *turn) try(what int32) bool { return t.holder.CompareAndSwap(nothing, what) }

// tryPast gets the turn, unless somebody is reading. It waits for whoever is tidying.
func (t *turn) tryPast(what int32) bool {
	for !t.try(what) {
		if t.holder.Load() == reading {
			return false
		}
		runtime.Gosched()
	}
	return true
}

// get waits for the turn. If ctx ends first, get returns the error of ctx.
func (t *turn) get(ctx context.Context) error {
	t.waiting.Add(1)
	defer t.waiting.Add(-1)
	// From this Add on, put leaves a token.
	for !t.try(reading) {
		select {
		case <-t.free:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// put gives the turn back.
func (t *turn) put() {
	t.holder.Store(nothing)
	if t.waiting.Load() > 0 {
		select {
		case t.free <- struct{}{}:
		default: // there is one already
		}
	}
}
