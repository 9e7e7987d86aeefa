//go:build linux || (unix && experimental_unix)

package iomux

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"
	"time"
)

// Stdout and Stderr are the tags that [Output] and [Mux.Output] give to the
// two streams of a command.
const Stdout, Stderr = "stdout", "stderr"

// TaggedData is one piece of what was written, with its origin.
type TaggedData struct {
	// Tag is the tag of the sender; "" if it was made by [Mux.MakeSender].
	Tag string

	// Data is what was written: one byte at least, but for the value that
	// comes with an error. It belongs to the Mux and is valid until the next
	// read or Close of this Mux: copy what must live longer. Touching it later
	// may show other bytes, but never faults.
	Data []byte

	// Time is when the kernel took the write (Linux, SO_TIMESTAMPNS in
	// socket(7)), by the system's clock, which may be set back. With [NewPipe],
	// and elsewhere than on Linux, it is when the piece was read.
	Time time.Time

	// PID is the process that wrote (Linux, SO_PASSCRED in unix(7)), as
	// numbered in the reader's PID namespace. It is 0 when unknown: with
	// [NewPipe], elsewhere than on Linux, and for a writer that the reader's
	// namespace cannot see.
	PID int
}

// A Mux is one receive end for any number of senders. What is written to the
// senders comes out of it in the order of the writes, tagged by the sender.
//
// All methods may be called at any time from any goroutine. One goroutine
// reads at a time: a second reader waits its turn, and takes over the Data
// that the first one holds. Each piece comes out once.
//
// The zero Mux cannot be used: [New], [NewIn], [NewAbstract] and [NewPipe] make
// one. It holds descriptors, which only [Mux.Close] gives back.
type Mux struct {
	turn chan struct{} // holds one token while a reader waits for data

	mu     sync.Mutex // guards what follows, and the transport but for park and wake
	t      transport
	closed bool
}

// A transport carries what is written to the senders up to the Mux. All
// methods but park and wake are called with the lock of the Mux held, and
// none of them after close.
type transport interface {
	// add makes a sender.
	add(tag string) (*os.File, error)

	// receive gives the next piece, without waiting for one: errNothing when
	// there is none, errAgain when it does not know yet, io.EOF when there is
	// none and no sender is left that could write one.
	receive() (TaggedData, error)

	// look looks, after errNothing, for events that receive does not look for,
	// such as the end of a sender. It tells whether to call receive again.
	look() bool

	// poll looks, after errNothing, whether something comes, and for a while
	// where that is worth it. It tells whether to call receive again.
	poll() bool

	// park waits until receive is worth another call: something came, or
	// wake was called. Only the reader whose turn it is calls it, after
	// errNothing, without the lock.
	park() error

	// wake makes the park that is under way, or else the next one, return.
	wake()

	// backlog is how many pieces can have been written and not yet received.
	backlog() int

	// close gives everything back, after waking the parked reader.
	close() error
}

var (
	errNothing = errors.New("iomux: nothing to read now")
	errAgain   = errors.New("iomux: look again")
	errBusy    = errors.New("iomux: another one reads")
	errClosed  = fmt.Errorf("iomux: Mux is closed: %w", os.ErrClosed)
)

// New makes a Mux whose receive end is a datagram socket in a private
// directory (mode 0700) under [os.TempDir]. It does not block, and needs
// [Mux.Close] in the end.
//
// On Linux the directory and the socket in it are removed again before New
// returns; nothing is left behind, however the process ends after that, and
// nobody without the rights of this process can reach the receive end. Where
// /proc is not mounted, and elsewhere than on Linux, the directory stays until
// [Mux.Close].
//
// The errors match what the system said: [os.ErrNotExist], [os.ErrPermission],
// unix.ENOTDIR or unix.ENAMETOOLONG for the directory, unix.EMFILE or
// unix.ENFILE for descriptors; nothing is left behind then. On Linux a Mux holds
// three descriptors, and two for each of its senders that is open, the sender
// itself being one of them.
func New() (*Mux, error) { return NewIn("") }

// NewIn is [New] with the private directory under dir, which must exist and be
// writable; "" means [os.TempDir].
//
// On Linux dir may be of any length. Where /proc is not mounted, and elsewhere
// than on Linux, the path of the socket must fit into a socket address (107
// bytes on Linux, see unix(7)); the error for one that does not matches
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
	return &Mux{turn: make(chan struct{}, 1), t: t}
}

// Read gives the next piece of what was written, in the order of the writes.
//
// It blocks until there is one. It returns [io.EOF] when every copy of every
// sender is closed, in this process and in all others, and everything that was
// written before has been read; a new sender ends that state. Before the first
// sender is made it waits. [Mux.Close] ends it with an error that matches
// [os.ErrClosed]. Other errors are those of the system, and match its errno; the
// Mux stays usable. Writes of no bytes are skipped.
//
// The Data of the result is valid until the next read or Close of this Mux.
// Read does not allocate, for pieces up to 64 KiB at least.
func (m *Mux) Read() (TaggedData, error) {
	return m.ReadContext(context.Background())
}

// ReadContext is [Mux.Read] that ends when ctx does, with the error of ctx:
// [context.Canceled] or [context.DeadlineExceeded]. It does not read when ctx
// has ended before, and does not wait any longer behind another reader when it
// ends. Nothing is lost by that: what arrives then is kept for the next read.
// ctx must not be nil.
func (m *Mux) ReadContext(ctx context.Context) (TaggedData, error) {
	if err := ctx.Err(); err != nil {
		return TaggedData{}, m.orClosed(err)
	}
	m.mu.Lock()
	d, err := m.next()
	if err == nil {
		m.mu.Unlock()
		return d, nil
	}
	d, err = m.getTurn(err)
	m.mu.Unlock()
	switch err {
	case errBusy:
		select {
		case m.turn <- struct{}{}:
		case <-ctx.Done():
			return TaggedData{}, m.orClosed(ctx.Err())
		}
		d, err = m.receive()
	case errNothing, errAgain:
	default:
		return d, err
	}
	return m.wait(ctx, d, err)
}

// next gives the next piece if it is there, errBusy if another reader waits for
// it: who finds a piece needs no turn.
func (m *Mux) next() (TaggedData, error) {
	if m.closed {
		return TaggedData{}, errClosed
	}
	if len(m.turn) > 0 {
		return TaggedData{}, errBusy
	}
	return m.t.receive()
}

// getTurn goes on after next has given err: with errNothing or errAgain it gets
// the turn, with errBusy it does not.
func (m *Mux) getTurn(err error) (d TaggedData, _ error) {
	if err == errNothing {
		d, err = m.poll()
	}
	if err == errNothing || err == errAgain {
		select {
		case m.turn <- struct{}{}:
		default:
			err = errBusy
		}
	}
	return d, err
}

// poll waits for a piece no longer than polling is worth. After errNothing the
// caller may park.
func (m *Mux) poll() (TaggedData, error) {
	if !m.t.poll() {
		return TaggedData{}, errNothing
	}
	d, err := m.t.receive()
	if err == errNothing {
		err = errAgain // the transport has the last word before a park
	}
	return d, err
}

// wait goes on after receive has given d and err, and the caller has got the
// turn, until there is a result. It gives the turn back.
func (m *Mux) wait(ctx context.Context, d TaggedData, err error) (TaggedData, error) {
	defer func() { <-m.turn }()
	armed := false
	for err == errNothing || err == errAgain {
		if err := ctx.Err(); err != nil {
			return TaggedData{}, err
		}
		if err == errNothing {
			if !armed && ctx.Done() != nil {
				// A wake that comes too late finds another read in the park, or
				// none: it costs a look, and cannot be taken for a cancel.
				stop := context.AfterFunc(ctx, m.t.wake)
				defer stop()
				armed = true
			}
			if err := m.t.park(); err != nil {
				return TaggedData{}, m.orClosed(fmt.Errorf("iomux: wait for data: %w", err))
			}
		}
		d, err = m.receive()
	}
	return d, err
}

// receive gives the next piece to the reader whose turn it is.
func (m *Mux) receive() (TaggedData, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return TaggedData{}, errClosed
	}
	d, err := m.t.receive()
	if err == errNothing {
		d, err = m.poll()
	}
	return d, err
}

// TryRead is [Mux.Read] that never blocks: ok tells whether there was a piece.
// There is none, and no error, when nothing is there to be read now, or when
// another goroutine is reading. The error is [io.EOF] at the end, and one that
// matches [os.ErrClosed] after [Mux.Close].
//
// What was written before the call, by whatever process, is there: after a
// child has been waited for, TryRead gives all its output, then io.EOF if
// nobody else has a copy of a sender.
func (m *Mux) TryRead() (d TaggedData, ok bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, err = m.next()
	for err == errNothing && m.t.look() {
		d, err = m.t.receive()
	}
	switch err {
	case nil:
		return d, true, nil
	case errNothing, errAgain, errBusy:
		return TaggedData{}, false, nil
	default:
		return TaggedData{}, false, err
	}
}

// All gives every piece that [Mux.ReadContext] reads, until [io.EOF], which it
// does not give, or until the first other error, that of ctx for one, which it
// gives last, with no Data. Data is valid until the loop goes on. The Mux stays
// open, also when the loop is left early: another loop goes on from there.
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

// Close closes the receive end. It does not block. A blocked read returns, and
// so does every later call, with an error that matches [os.ErrClosed]; closing
// again does nothing and returns nil. What was written and not read is lost, and
// Data is no longer valid. Writers, those that were blocked on a full queue too,
// get an error: ECONNREFUSED from a socket, and ENOTCONN when they try again,
// both without SIGPIPE; EPIPE and SIGPIPE from a pipe (seen on Linux).
//
// Close does not close senders: whoever holds them does. The Mux is closed also
// if it returns an error, which is that of a directory that had to stay until
// now (see [New]) and could not be removed.
func (m *Mux) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	return m.t.close()
}

// orClosed gives the error of a read that failed with err: a closed Mux is the
// reason before all others.
func (m *Mux) orClosed(err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errClosed
	}
	return err
}
