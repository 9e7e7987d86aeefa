package contender

import (
	"io"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pollPipes receives from one-page pipes in packet mode through one epoll
// instance, edge-triggered, one event and one read at a time, and looks for an
// event so many times before every sleep.
type pollPipes struct {
	tries   int
	epoll   *os.File
	fd      int // of epoll
	conn    syscall.RawConn
	senders []*os.File
	ends    []int
	buf     []byte
	ev      unix.EpollEvent
	check   func(uintptr) bool // look, for conn.Read
}

// NewPollPipes receives by ordered pipes, two of them, polling so many times
// before each sleep: what iomux.NewPipe would be without a policy.
func NewPollPipes(tries int) (_ Receiver, err error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	p := &pollPipes{tries: tries, fd: fd, buf: make([]byte, os.Getpagesize())}
	defer func() {
		if err != nil {
			p.Close()
			closeAll(p.senders)
		}
	}()
	if err := unix.SetNonblock(fd, true); err != nil { // os.NewFile wants to see it
		return nil, err
	}
	p.epoll = os.NewFile(uintptr(fd), "epoll")
	p.check = func(uintptr) bool { return p.look() }
	for range 2 {
		if err := p.addSender(); err != nil {
			return nil, err
		}
	}
	p.conn, err = p.epoll.SyscallConn()
	return p, err
}

func (p *pollPipes) addSender() error {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_DIRECT|unix.O_CLOEXEC); err != nil {
		return err
	}
	p.ends = append(p.ends, ends[0])
	p.senders = append(p.senders, os.NewFile(uintptr(ends[1]), "pipe"))
	if _, err := unix.FcntlInt(uintptr(ends[0]), unix.F_SETPIPE_SZ, len(p.buf)); err != nil {
		return err
	}
	if err := unix.SetNonblock(ends[0], true); err != nil {
		return err
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(ends[0])}
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, ends[0], &ev)
}

func (p *pollPipes) look() bool {
	n, _, _ := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.ev)), 1, 0, 0, 0)
	return n == 1
}

// wait waits for an event.
func (p *pollPipes) wait() error {
	for range p.tries {
		if p.look() {
			return nil
		}
	}
	return p.conn.Read(p.check)
}

func (p *pollPipes) Senders() []*os.File { return p.senders }

func (p *pollPipes) Receive(bytes int) error {
	for bytes > 0 {
		if err := p.wait(); err != nil {
			return err
		}
		n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(p.ev.Fd), uintptr(unsafe.Pointer(&p.buf[0])), uintptr(len(p.buf)))
		switch {
		case errno == unix.EAGAIN:
		case errno != 0:
			return os.NewSyscallError("read", errno)
		case n == 0:
			return io.ErrUnexpectedEOF
		default:
			bytes -= int(n)
		}
	}
	return nil
}

func (p *pollPipes) Close() error {
	for _, fd := range p.ends {
		unix.Close(fd)
	}
	if p.epoll == nil {
		return unix.Close(p.fd)
	}
	return p.epoll.Close()
}
