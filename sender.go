//go:build linux || (unix && experimental_unix)

package iomux

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// untaggedName is the name of an untagged sender: os.File needs one for its errors.
const untaggedName = "iomux sender"

// MakeSender makes a sender without a tag: it is [Mux.MakeTaggedSender] with
// the tag "".
func (m *Mux) MakeSender() (*os.File, error) { return m.MakeTaggedSender("") }

// MakeTaggedSender makes a sender whose writes come out tagged with tag. Any
// string can be a tag, of any length and also empty, and any number of
// senders may have the same tag. MakeTaggedSender does not block, and may be
// called while others read and write.
//
// The sender is a descriptor in blocking mode that is closed on exec. Pass it
// to a child as the Stdout, the Stderr or one of the ExtraFiles of an
// [os/exec.Cmd], or write to it, from any number of goroutines. It belongs to
// the caller, who must close it: as soon as the child is started, if it was
// passed to one, because the output ends when all copies are closed. Its Name
// is the tag, or "iomux sender" if that is empty. It has no deadlines.
//
// A write blocks while the queue is full, until somebody reads or closes the
// Mux, so a goroutine that both writes and reads may block forever. On Linux
// the queue holds net.unix.max_dgram_qlen writes and one more, from all
// senders together (11 by default; Documentation/admin-guide/sysctl/net.rst
// of the kernel, and measured). With [NewPipe] each sender holds one write.
//
// One write is one piece, up to the largest that the kernel accepts; a larger
// one fails with EMSGSIZE. On Linux the limit is 4,263,616 bytes (with 4 KiB
// pages), or, for a process without CAP_NET_ADMIN, twice net.core.wmem_max
// less 32 if that is smaller (SO_SNDBUF in socket(7), and measured). A child
// that has raised SO_SNDBUF itself gets ENOBUFS for a write of more than
// 4,263,616 bytes. With [NewPipe] a write may have any length, and comes out
// in pieces of at most a page.
//
// The errors name the system call and match its errno: unix.EMFILE or
// unix.ENFILE if there are not enough descriptors (two stay open, and a third
// for a moment), unix.ETOOMANYREFS if all processes of this user together
// have more senders than RLIMIT_NOFILE (see SCM_RIGHTS in unix(7)), and with
// [NewPipe] unix.EPERM if this user has too many pipe pages
// (fs.pipe-user-pages-hard in pipe(7)). It fails so only once everything that
// closed senders held is given back, for which it waits a few milliseconds at
// most. Nothing is left behind then, and the Mux stays usable. After
// [Mux.Close] the error matches [os.ErrClosed].
func (m *Mux) MakeTaggedSender(tag string) (*os.File, error) {
	f, _, err := m.add(tag, false)
	for tries := 0; scarce(err) && tries < 20; tries++ {
		var tidied bool
		if f, tidied, err = m.add(tag, true); tidied || !scarce(err) {
			break
		}
		time.Sleep(50 * time.Microsecond) // a reader that waits is being woken for what was closed
	}
	if err != nil && err != errClosed {
		err = fmt.Errorf("iomux: make sender %.100q: %w", tag, err)
	}
	return f, err
}

// add makes a sender. If nobody reads, it first releases what closed senders hold, when
// that is due or short is set, and reports that it could: otherwise the reader does.
func (m *Mux) add(tag string, short bool) (f *os.File, tidied bool, err error) {
	if short {
		tidied = m.turn.tryPast(tidying)
	} else {
		tidied = m.turn.try(tidying)
	}
	if tidied {
		defer m.leave()
	}
	if m.closed.Load() { // and nothing is left to tidy
		return nil, tidied, errClosed
	}
	if tidied {
		m.t.reclaim(short)
	}
	f, err = m.t.add(tag)
	return f, tidied, err
}

// scarce reports whether err may come from what closed senders still hold: descriptors,
// pages of pipes, and places in an epoll instance.
func scarce(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) ||
		errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC)
}

// senderFile makes the file that a caller of MakeTaggedSender gets.
func senderFile(fd int, tag string) *os.File {
	if tag == "" {
		tag = untaggedName
	}
	return os.NewFile(uintptr(fd), tag)
}

// A sender is what the receiving end knows about a socket that is connected to it.
type sender struct {
	tag    string
	addr   string // its socket's, as it comes with a message
	probe  int    // finds out whether addr is in use, if the probe of the others cannot; or -1
	hangup hangup
	closed uint64 // the fill that came before it was known to be closed
}

func (s *sender) closeProbe() {
	if s.probe >= 0 {
		closeFD(s.probe)
		s.probe = -1
	}
}

// A table holds the senders of a receiving socket that are open, or whose
// messages may still be in the queue.
type table struct {
	rows   map[string]*sender // by address
	used   bool               // there has been a sender
	closed []*sender          // those known to be closed everywhere, in that order
}

func (t *table) add(s *sender) {
	if t.rows == nil {
		t.rows = make(map[string]*sender)
	}
	t.rows[s.addr] = s
	t.used = true
}

// find returns the sender with this address, nil if it is a stranger's.
// The conversion does not allocate: the compiler sees that the key is not kept.
func (t *table) find(addr []byte) *sender { return t.rows[string(addr)] }

// markClosed records that s is closed everywhere, and that this was known after that
// many fills. Its row stays: what it wrote may still be in the queue.
func (t *table) markClosed(s *sender, fills uint64) {
	s.closed = fills
	t.closed = append(t.closed, s)
}

// remove removes the senders that were known to be closed before this fill. All
// that was in the queue then must have been received since, and tagged.
func (t *table) remove(fill uint64) {
	n := 0
	for n < len(t.closed) && t.closed[n].closed < fill {
		delete(t.rows, t.closed[n].addr)
		n++
	}
	rest := copy(t.closed, t.closed[n:])
	clear(t.closed[rest:])
	t.closed = t.closed[:rest]
	if len(t.rows) == 0 {
		t.rows, t.closed = nil, nil // a map does not shrink
	}
}

// removeClosed removes the closed senders for which gone returns true: nothing of them
// is in the queue.
func (t *table) removeClosed(gone func(*sender) bool) {
	t.closed = slices.DeleteFunc(t.closed, func(s *sender) bool {
		if !gone(s) {
			return false
		}
		delete(t.rows, s.addr)
		return true
	})
}

// ended reports whether there were senders and all are removed.
func (t *table) ended() bool { return t.used && len(t.rows) == 0 }
