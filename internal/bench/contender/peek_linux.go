package contender

import (
	"crypto/rand"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// peek receives from a datagram socket with two calls for each message: one asks
// for its length, one takes it, with the address that tells the sender.
type peek struct {
	file    *os.File // the socket
	conn    syscall.RawConn
	senders []*os.File
	tags    map[string]string // by address

	once  func(fd uintptr) bool // receive, for conn.Read
	buf   []byte
	name  unix.RawSockaddrUnix
	iov   unix.Iovec
	hdr   unix.Msghdr
	got   int // length of the message received
	tag   string
	errno unix.Errno
}

// NewPeek receives by MSG_PEEK|MSG_TRUNC and recvmsg(2), without allocation, with
// the tag of each of so many senders, and without time, process and end.
func NewPeek(senders int) (_ Receiver, err error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	p := &peek{file: os.NewFile(uintptr(fd), "socket"), tags: make(map[string]string), buf: make([]byte, 64)}
	defer func() {
		if err != nil {
			p.Close()
			closeAll(p.senders)
		}
	}()
	addr := &unix.SockaddrUnix{Name: "@" + rand.Text()}
	if err := unix.Bind(fd, addr); err != nil {
		return nil, err
	}
	for i := range senders {
		if err := p.addSender(addr, fmt.Sprint("sender ", i)); err != nil {
			return nil, err
		}
	}
	p.hdr = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&p.name)), Iov: &p.iov}
	p.hdr.SetIovlen(1)
	p.once = func(fd uintptr) bool {
		p.receive(fd)
		return p.errno != unix.EAGAIN
	}
	p.conn, err = p.file.SyscallConn()
	return p, err
}

// maxDatagram is what a send buffer must be for the largest datagram, halved as
// the kernel doubles it: as iomux asks for.
const maxDatagram = (4_263_616 + 32) / 2

func (p *peek) addSender(to *unix.SockaddrUnix, tag string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), tag)
	p.senders = append(p.senders, f)
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, maxDatagram) != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, maxDatagram)
	}
	name := rand.Text()
	p.tags["\x00"+name] = tag
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: "@" + name}); err != nil {
		return err
	}
	return unix.Connect(fd, to)
}

func (p *peek) receive(fd uintptr) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, fd, 0, 0, unix.MSG_PEEK|unix.MSG_TRUNC|unix.MSG_DONTWAIT, 0, 0)
	if p.errno = errno; errno != 0 {
		return
	}
	if int(n) > len(p.buf) {
		p.buf = make([]byte, n)
	}
	p.iov.Base = &p.buf[0]
	p.iov.SetLen(len(p.buf))
	p.hdr.Namelen = unix.SizeofSockaddrUnix
	n, _, p.errno = unix.RawSyscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&p.hdr)), unix.MSG_DONTWAIT)
	if p.errno != 0 {
		return
	}
	const family = 2 // bytes before the path
	path := unsafe.Slice((*byte)(unsafe.Pointer(&p.name.Path)), len(p.name.Path))
	p.got, p.tag = int(n), p.tags[string(path[:p.hdr.Namelen-family])]
}

func (p *peek) Senders() []*os.File { return p.senders }

func (p *peek) Receive(bytes int) error {
	for bytes > 0 {
		if err := p.conn.Read(p.once); err != nil {
			return err
		}
		if p.errno != 0 {
			return os.NewSyscallError("recvmsg", p.errno)
		}
		bytes -= p.got
	}
	return nil
}

func (p *peek) Close() error { return p.file.Close() }
