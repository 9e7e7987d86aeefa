//go:build unix && !linux && experimental_unix

package iomux

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A poller waits for messages at the receiving socket: a copy of it, parked on
// the runtime's poller.
type poller struct {
	file  *os.File
	conn  syscall.RawConn
	check func(fd uintptr) bool
}

// An event is not to be had here.
type event struct{}

func newSocketPoller(fd int) (*poller, error) {
	dup, err := closeOnExec(func() (int, error) { return unix.Dup(fd) })
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	p := &poller{file: os.NewFile(uintptr(dup), "receive end")}
	if err := p.file.SetReadDeadline(time.Time{}); err != nil {
		p.file.Close()
		return nil, err
	}
	if p.conn, err = p.file.SyscallConn(); err != nil {
		p.file.Close()
		return nil, err
	}
	p.check = func(fd uintptr) bool { return !queueEmpty(int(fd)) }
	return p, nil
}

func (p *poller) received(int)        {}
func (p *poller) look() (event, bool) { return event{}, false }
func (p *poller) take() (event, bool) { return event{}, false }
func (p *poller) find() bool          { return false }
func (p *poller) poll() bool          { return false }

// park sleeps until there is a message or wake was called, before or during it.
func (p *poller) park() error {
	err := p.conn.Read(p.check)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// Before the reader looks at what it was woken for: a wake from here on
		// sets the deadline again.
		p.file.SetReadDeadline(time.Time{})
		return nil
	}
	return err
}

// wake makes the park that is under way, or the next one, return. The deadline
// means only that: what the reader is to see must be set before.
func (p *poller) wake() { p.file.SetReadDeadline(time.Unix(1, 0)) }

// close wakes the parked reader and waits until it has left.
func (p *poller) close() error { return p.file.Close() }
