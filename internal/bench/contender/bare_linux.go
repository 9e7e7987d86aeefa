package contender

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// The functions of this file make the system calls that iomux makes for a Mux
// with two senders, opened and closed, in the same sequence and without anything
// else: no tags, no names that nobody can guess, no cleaning up after errors.

// runtimePoller stands for the epoll instance of the runtime.
var runtimePoller = sync.OnceValue(func() int {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		panic(err)
	}
	return fd
})

// bareNumber makes names that are not used twice.
var bareNumber atomic.Int64

// BareDirectory makes the system calls of iomux.NewIn(dir).
func BareDirectory(dir string) error {
	var c calls
	s := c.receiveSocket()
	var root unix.Stat_t
	c.did(unix.Stat("/", &root))
	fds := c.get(unix.Open("/proc/self/fd", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0))
	private := filepath.Join(dir, fmt.Sprintf("bare-%d-%d", os.Getpid(), bareNumber.Add(1)))
	path := filepath.Join(private, "mux")
	c.did(unix.Mkdir(private, 0o700))
	at := c.get(unix.Open(private, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0))
	var st unix.Stat_t
	c.did(unix.Fstat(at, &st))
	c.did(unix.Bind(s, &unix.SockaddrUnix{Name: path}))
	anchor := c.get(unix.Openat(at, "mux", unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0))
	c.did(unix.Fchmodat(at, "mux", 0o666, 0))
	c.did(unix.Unlinkat(at, "mux", 0))
	c.did(unix.Close(at))
	unix.Unlink(private) // os.Remove tries that first
	c.did(unix.Rmdir(private))
	name := fmt.Sprintf("/proc/self/fd/%d", anchor)
	c.senders(s, &unix.SockaddrUnix{Name: name})
	c.did(unix.Close(anchor))
	c.did(unix.Close(fds))
	return c.err
}

// BareAbstract makes the system calls of iomux.NewAbstract.
func BareAbstract() error {
	var c calls
	s := c.receiveSocket()
	addr := bareAddress()
	c.did(unix.Bind(s, addr))
	c.senders(s, addr)
	return c.err
}

// BarePipes makes the system calls of iomux.NewPipe.
func BarePipes() error {
	var c calls
	r, w := c.pipe()
	c.did(unix.Close(r))
	c.did(unix.Close(w))
	epoll := c.epoll()
	events := c.get(unix.EpollCreate1(unix.EPOLL_CLOEXEC))
	c.watch(epoll, events)
	var ends, writers [2]int
	for i := range ends {
		writers[i], ends[i] = c.pipeSender(events)
	}
	for _, fd := range ends {
		c.did(unix.Dup3(epoll, fd, unix.O_CLOEXEC))
	}
	c.closeEpoll(epoll)
	c.did(unix.Close(events))
	c.closeAll(ends[:])
	c.closeAll(writers[:])
	return c.err
}

// BareSenders makes the system calls that iomux makes for one more sender.
type BareSenders struct {
	calls
	make func() (sender, hangup int)
	next *unix.SockaddrUnix
	fds  []int // what is closed in the end
}

// NewBareSenders returns those of a Mux by New, or by NewAbstract if dir is empty.
func NewBareSenders(dir string) (*BareSenders, error) {
	var b BareSenders
	s, probe, epoll := b.receiveSocket(), b.receiveSocket(), b.epoll()
	b.fds = []int{s, probe, epoll}
	to := bareAddress()
	if dir != "" {
		path := filepath.Join(dir, fmt.Sprintf("bare-%d-%d", os.Getpid(), bareNumber.Add(1)))
		b.did(unix.Bind(s, &unix.SockaddrUnix{Name: path}))
		anchor := b.get(unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0))
		b.did(unix.Unlink(path))
		b.fds = append(b.fds, anchor)
		to = &unix.SockaddrUnix{Name: fmt.Sprintf("/proc/self/fd/%d", anchor)}
	} else {
		b.did(unix.Bind(s, to))
	}
	b.next = bareAddress()
	b.make = func() (int, int) { return b.sender(epoll, probe, b.next, to) }
	return &b, b.err
}

// NewBarePipeSenders returns those of a Mux by NewPipe.
func NewBarePipeSenders() (*BareSenders, error) {
	var b BareSenders
	epoll := b.epoll()
	b.fds = []int{epoll}
	b.make = func() (int, int) { return b.pipeSender(epoll) }
	return &b, b.err
}

// Make makes the system calls, and returns what closes the sender.
func (b *BareSenders) Make() (done func(), err error) {
	sender, hangup := b.make()
	return func() {
		b.closeAll([]int{hangup, sender})
		b.next = bareAddress()
	}, b.err
}

// Close closes what is not a sender.
func (b *BareSenders) Close() { b.closeAll(b.fds) }

// pipeSender makes a sender of NewPipe.
func (c *calls) pipeSender(events int) (sender, end int) {
	end, sender = c.pipe()
	var st unix.Stat_t
	c.did(unix.Fstat(end, &st))
	c.watch(events, end)
	c.get(unix.FcntlInt(uintptr(sender), unix.F_GETFL, 0))
	return sender, end
}

func (c *calls) watch(epoll, fd int) {
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET}
	c.did(unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &ev))
}

// calls makes system calls and keeps the first error.
type calls struct{ err error }

func (c *calls) did(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *calls) get(n int, err error) int {
	c.did(err)
	return n
}

func (c *calls) closeAll(fds []int) {
	for _, fd := range fds {
		c.did(unix.Close(fd))
	}
}

func (c *calls) receiveSocket() int {
	fd := c.get(unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0))
	c.did(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1))
	c.did(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1))
	return fd
}

// senders makes two senders and closes all.
func (c *calls) senders(s int, to *unix.SockaddrUnix) {
	probe := c.get(unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0))
	epoll := c.epoll()
	var senders, hangups [2]int
	for i := range senders {
		senders[i], hangups[i] = c.sender(epoll, probe, bareAddress(), to)
	}
	unix.Recvfrom(s, nil, unix.MSG_PEEK|unix.MSG_DONTWAIT) // EAGAIN
	c.did(unix.Dup3(probe, s, unix.O_CLOEXEC))
	c.closeEpoll(epoll)
	c.closeAll(hangups[:])
	c.did(unix.Close(probe))
	c.did(unix.Close(s))
	c.closeAll(senders[:])
}

func (c *calls) sender(epoll, probe int, addr, to *unix.SockaddrUnix) (sender, hangup int) {
	sender = c.get(unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0))
	if unix.SetsockoptInt(sender, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, maxDatagram) != nil {
		c.did(unix.SetsockoptInt(sender, unix.SOL_SOCKET, unix.SO_SNDBUF, maxDatagram))
	}
	c.did(unix.Bind(sender, addr))
	var p [2]int
	c.did(unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK))
	c.get(unix.FcntlInt(uintptr(p[0]), unix.F_SETPIPE_SZ, os.Getpagesize()))
	c.did(unix.Sendmsg(sender, []byte{0}, unix.UnixRights(p[1]), addr, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL))
	c.did(unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, p[0], &unix.EpollEvent{}))
	c.did(unix.Close(p[1]))
	if strings.HasPrefix(to.Name, "/") {
		var root unix.Stat_t
		c.did(unix.Stat("/", &root))
	}
	c.did(unix.Connect(sender, to))
	unix.Connect(probe, addr) // EPERM
	c.get(unix.FcntlInt(uintptr(sender), unix.F_GETFL, 0))
	return sender, p[0]
}

// bareAddress is as long as the addresses of iomux.
func bareAddress() *unix.SockaddrUnix {
	return &unix.SockaddrUnix{Name: fmt.Sprintf("@bare-%013d-%013d", os.Getpid(), bareNumber.Add(1))}
}

func (c *calls) epoll() int {
	fd := c.get(unix.EpollCreate1(unix.EPOLL_CLOEXEC))
	c.did(unix.SetNonblock(fd, true))
	c.get(unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0))
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET}
	c.did(unix.EpollCtl(runtimePoller(), unix.EPOLL_CTL_ADD, fd, &ev))
	return fd
}

func (c *calls) closeEpoll(fd int) {
	c.did(unix.EpollCtl(runtimePoller(), unix.EPOLL_CTL_DEL, fd, nil))
	c.did(unix.Close(fd))
}

func (c *calls) pipe() (r, w int) {
	var p [2]int
	c.did(unix.Pipe2(p[:], unix.O_DIRECT|unix.O_CLOEXEC))
	c.get(unix.FcntlInt(uintptr(p[0]), unix.F_SETPIPE_SZ, os.Getpagesize()))
	c.did(unix.SetNonblock(p[0], true))
	return p[0], p[1]
}
