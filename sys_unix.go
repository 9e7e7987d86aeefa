//go:build unix && !linux && experimental_unix

package iomux

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxSocketPath = 103 // the least of the systems: sun_path has 104 bytes on BSD
	pathAdvice    = "set a shorter TMPDIR"

	// sendBuffer is asked for; the systems have limits of their own.
	sendBuffer = 256 << 10
)

var errPathTooLong = unix.ENAMETOOLONG

func receiveSocket() (int, error) {
	fd, err := newSocket()
	if err != nil {
		return -1, err
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, sendBuffer)
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("fcntl", err)
	}
	return fd, nil
}

// senderSocket makes a socket for a sender, in blocking mode as a child expects
// its output to be, with an address of its own beside that of the receive end.
func senderSocket(to *address) (fd int, addr string, err error) {
	fd, err = newSocket()
	if err != nil {
		return -1, "", err
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
	addr = filepath.Join(to.dir, randomName(""))
	if err := bindSocket(fd, addr); err != nil {
		unix.Close(fd)
		return -1, "", err
	}
	return fd, addr, nil
}

func newSocket() (int, error) {
	fd, err := closeOnExec(func() (int, error) { return unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0) })
	return fd, os.NewSyscallError("socket", err)
}

// closeOnExec makes a descriptor that no child gets that is started meanwhile.
func closeOnExec(open func() (int, error)) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := open()
	if err == nil {
		unix.CloseOnExec(fd)
	}
	return fd, err
}

// probeSocket makes a socket for unused.
func probeSocket() (int, error) { return newSocket() }

// replaceFD closes fd, and has the number stand for what by stands for.
func replaceFD(fd, by int) error {
	_, err := closeOnExec(func() (int, error) { return fd, unix.Dup2(by, fd) })
	return os.NewSyscallError("dup2", err)
}

// removeAddress removes the file of a sender that is gone.
func removeAddress(addr string) { unix.Unlink(addr) }

// queueEmpty reports whether no message is in the queue of fd, a nonblocking
// socket.
func queueEmpty(fd int) bool {
	var b [1]byte
	_, _, err := unix.Recvfrom(fd, b[:], unix.MSG_PEEK)
	return err == unix.EAGAIN
}

// queuedAddrs cannot tell.
func queuedAddrs(int, int) (map[string]bool, bool) { return nil, false }

// queueLength is more messages than a queue takes: it is limited by bytes.
func queueLength(int) int { return 4096 }

// An anchor cannot be had: no name but its own leads to a socket here.
type anchor struct{}

func newAnchor() (*anchor, error)        { return nil, nil }
func (*anchor) bindIn(int, string) error { return errors.ErrUnsupported }
func (*anchor) name() string             { return "" }
func (*anchor) close()                   {}

func (a *address) connect(fd int) error { return connectSocket(fd, a.socket) }

// newPipeMux fails: there are no ordered pipes here.
func newPipeMux() (*Mux, error) { return nil, errors.ErrUnsupported }

// A hangup cannot be had here: what lies in a sender's queue is not known to go
// with its last copy on every system. So every sender is unwatched, and looked at
// from time to time: io.EOF comes late, and may not come at all.
type hangup struct{}

func (hangup) armed() bool                   { return false }
func (hangup) armedSince(time.Duration) bool { return false }
func (hangup) close()                        {}

func (d *datagrams) armSelf(*sender, int) error { return nil }
func (d *datagrams) arm(*sender) error          { return os.ErrInvalid }
func (d *datagrams) disarm(*sender) func()      { return func() {} }

// StartBlocking is for Linux. On other systems it starts nothing, and its error
// matches [errors.ErrUnsupported].
func StartBlocking(*exec.Cmd) error {
	return fmt.Errorf("iomux: keep output blocking: %w", errors.ErrUnsupported)
}

func startAuto(cmd *exec.Cmd) error { return cmd.Start() }

func startWaited(cmd *exec.Cmd) (wait func() error, err error) { return cmd.Wait, cmd.Start() }
