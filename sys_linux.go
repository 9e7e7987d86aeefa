package iomux

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux/internal/seccomp"
)

const (
	maxSocketPath = 107 // sun_path less its NUL, unix(7)
	pathAdvice    = "/proc is not mounted: set a shorter TMPDIR, or use NewAbstract"

	// maxDatagram is the largest datagram that the kernel sends from one
	// socket to another with 4 KiB pages, whatever the send buffer: the largest
	// kmalloc less the overhead of a socket buffer, and 17 pages (measured on
	// 6.18, 6.1 and 5.10; 8,388,576 seen with 64 KiB pages).
	maxDatagram      = 4_263_616
	maxDatagramOther = 8_388_576

	// The kernel takes this much off the send buffer for its own records.
	sendOverhead = 32

	// selfFDs leads to the descriptors of this process, proc(5).
	selfFDs = "/proc/self/fd"

	// dgramQueueFile has the number of messages that a queue takes, less one.
	dgramQueueFile = "/proc/sys/net/unix/max_dgram_qlen"
	// unknownQueue is taken for that number where it cannot be read.
	unknownQueue = 4096
)

var errPathTooLong = unix.ENAMETOOLONG

// NewAbstract makes a [Mux] whose receive end is a datagram socket with an
// abstract address (unix(7)); it touches no file system. It exists on Linux
// only, does not block, and the caller must call [Mux.Close] when done. It
// differs from [New] in that a Mux holds three descriptors, and in the
// following.
//
// Anyone in the same network namespace can find the address and send to it.
// What strangers send is discarded, but it takes up places in the queue, so
// they can slow the senders down. A stranger who also watches the addresses
// of senders could take that of one that was just closed. Neither is possible
// with New.
func NewAbstract() (*Mux, error) {
	return newDatagramMux(func(fd int) (*address, error) {
		addr := abstractAddr()
		return &address{socket: addr}, bindSocket(fd, addr)
	})
}

// abstractAddr makes an address that is never used twice: the queue may still
// hold messages of a sender that is gone, and the kernel's own choices come
// again. It has no NUL but the first: x/sys cuts there.
func abstractAddr() string { return randomName("\x00" + namePrefix) }

// senderNameLen is the length of the name of every abstractAddr: NUL, iomux-, 26
// letters.
const senderNameLen = 1 + 6 + 26

// receiveSocket makes the receiving socket: nonblocking, and asking for the
// time and the process of each write.
func receiveSocket() (int, error) {
	fd, err := newSocket(unix.SOCK_NONBLOCK)
	if err != nil {
		return -1, err
	}
	for _, opt := range []int{unix.SO_TIMESTAMPNS, unix.SO_PASSCRED} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt, 1); err != nil {
			unix.Close(fd)
			return -1, os.NewSyscallError("setsockopt", err)
		}
	}
	return fd, nil
}

// senderSocket makes a socket for a sender, in blocking mode as a child expects
// its output to be, with a new address.
func senderSocket(*address) (fd int, addr string, err error) {
	fd, err = newSocket(0)
	if err != nil {
		return -1, "", err
	}
	setSendBuffer(fd)
	addr = abstractAddr()
	if err := bindSocket(fd, addr); err != nil {
		unix.Close(fd)
		return -1, "", err
	}
	return fd, addr, nil
}

// setSendBuffer asks for room for the largest datagram, and takes what it gets.
// Not for more: with a long queue, small writes of a sender whose reader has
// stopped would pile up in the kernel as far as its buffer goes.
func setSendBuffer(fd int) {
	size := maxDatagram
	if os.Getpagesize() != 4096 {
		size = maxDatagramOther
	}
	half := (size + sendOverhead) / 2 // the kernel doubles it, socket(7)
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, half) != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, half)
	}
}

func newSocket(flags int) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|flags, 0)
	return fd, os.NewSyscallError("socket", err)
}

// probeSocket makes a socket for unused.
func probeSocket() (int, error) { return newSocket(unix.SOCK_NONBLOCK) }

// replaceFD closes fd, and makes the number a duplicate of by.
func replaceFD(fd, by int) error {
	return os.NewSyscallError("dup3", unix.Dup3(by, fd, unix.O_CLOEXEC))
}

// removeAddress has nothing to do: an abstract address goes with its socket.
func removeAddress(string) {}

// queueEmpty reports whether no message is in the queue of fd.
func queueEmpty(fd int) bool {
	_, _, err := unix.Recvfrom(fd, nil, unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return err == unix.EAGAIN
}

// queuedAddrs returns the addresses from which the messages in the queue of fd come. It
// reports false where the system cannot tell (SO_PEEK_OFF in socket(7)), or the queue
// has more than most messages: for each of them the kernel begins at the first.
func queuedAddrs(fd int, most int) (addrs map[string]bool, ok bool) {
	peekAt := func(at int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PEEK_OFF, at) }
	defer peekAt(-1)
	addrs = make(map[string]bool)
	for at := 0; peekAt(at) == nil; most-- {
		n, from, err := unix.Recvfrom(fd, nil, unix.MSG_PEEK|unix.MSG_TRUNC|unix.MSG_DONTWAIT)
		switch {
		case err == unix.EAGAIN:
			return addrs, true
		case err != nil || most == 0:
			return nil, false
		}
		at += n
		if sa, ok := from.(*unix.SockaddrUnix); ok && len(sa.Name) > 0 {
			addrs["\x00"+sa.Name[1:]] = true // x/sys has made it an @
		}
	}
	return nil, false
}

// queueLength returns how many messages the queue of the socket fd takes.
func queueLength(fd int) int {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if !inNamespace(fd) { // the file is that of this thread's namespace
		return unknownQueue
	}
	text, err := os.ReadFile(dgramQueueFile)
	if err != nil {
		return unknownQueue
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil {
		return unknownQueue
	}
	return n + 1
}

// inNamespace reports whether the socket fd is in the network namespace of this thread.
// Before Linux 5.14 it cannot be known, and the answer is yes.
func inNamespace(fd int) bool {
	cookie := func(fd int) uint64 {
		c, _ := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
		return c
	}
	here, err := probeSocket()
	if err != nil {
		return false
	}
	defer unix.Close(here)
	return cookie(fd) == cookie(here)
}

// An anchor keeps a way to a socket whose file is removed: a descriptor that only
// holds its place (O_PATH in open(2)), to which /proc leads. It has its own way into
// /proc, which works even after the process has changed its root directory.
type anchor struct {
	proc   int // the directory of the process's descriptors
	socket int // or -1
	root   file
}

// A file identifies one, whatever its name.
type file struct{ dev, ino uint64 }

// rootDirectory is that of this thread.
func rootDirectory() file {
	var st unix.Stat_t
	if unix.Stat("/", &st) != nil {
		return file{}
	}
	return file{uint64(st.Dev), st.Ino}
}

// procFDs is that directory while some anchor needs it.
var procFDs struct {
	sync.Mutex
	fd, users int
	root      file // when it was opened
}

// newAnchor returns nil, and no error, where /proc is not there.
func newAnchor() (*anchor, error) {
	procFDs.Lock()
	defer procFDs.Unlock()
	if procFDs.users == 0 {
		fd, err := unix.Open(selfFDs, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		switch {
		case err == unix.EMFILE || err == unix.ENFILE || err == unix.ENOMEM:
			return nil, &os.PathError{Op: "open", Path: selfFDs, Err: err}
		case err != nil:
			return nil, nil
		case !isProc(fd):
			unix.Close(fd)
			return nil, nil
		}
		procFDs.fd, procFDs.root = fd, rootDirectory()
	}
	procFDs.users++
	return &anchor{proc: procFDs.fd, socket: -1, root: procFDs.root}, nil
}

// isProc reports whether fd is of proc(5), and not of what somebody has put in its place
// (statfs(2)). If that is refused, it is taken for true.
func isProc(fd int) bool {
	var st unix.Statfs_t
	err := unix.Fstatfs(fd, &st)
	return err != nil || st.Type == unix.PROC_SUPER_MAGIC
}

func (a *anchor) close() {
	if a.socket >= 0 {
		unix.Close(a.socket)
	}
	procFDs.Lock()
	defer procFDs.Unlock()
	if procFDs.users--; procFDs.users == 0 {
		unix.Close(procFDs.fd)
	}
}

// bindIn binds fd to a socket file in dir, whose path may have any length, and opens
// a.socket. Then the file may be removed: senders connect through the anchor, which
// only this process has.
func (a *anchor) bindIn(fd int, dir string) error {
	at, err := openPrivate(dir)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	path := socketIn(dir)
	if len(path) >= unix.PathMax { // so it could not be removed
		return unix.ENAMETOOLONG
	}
	if len(path) > maxSocketPath || path[0] == '@' { // which is abstract for x/sys
		path = socketIn(filepath.Join(selfFDs, strconv.Itoa(at)))
	}
	if err := bindSocket(fd, path); err != nil {
		return err
	}
	if a.socket, err = openPath(at, socketName, 0); err != nil {
		return err
	}
	// Connecting requires the right to write, also after a setuid. Nobody else can
	// reach the socket: its directory is private, and both are removed.
	for err = unix.EINTR; err == unix.EINTR; {
		err = unix.Fchmodat(at, socketName, 0o666, 0)
	}
	return os.NewSyscallError("fchmodat", err)
}

// openPrivate opens a directory that this process has made, with the mode 0700. It
// makes sure that it is that one: where everybody may write to the directory above,
// and it is not sticky, another one could take its place.
func openPrivate(dir string) (int, error) {
	fd, err := openPath(unix.AT_FDCWD, dir, unix.O_DIRECTORY)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	err = os.NewSyscallError("fstat", unix.Fstat(fd, &st))
	if err == nil && (int(st.Uid) != os.Geteuid() || st.Mode&0o077 != 0) {
		err = fmt.Errorf("%s has become another directory: %w", dir, unix.EPERM)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// name is the one to connect to.
func (a *anchor) name() string { return filepath.Join(selfFDs, strconv.Itoa(a.socket)) }

// openPath opens path with O_PATH. If that fails, it returns -1 and the error.
func openPath(at int, path string, flags int) (int, error) {
	fd, err := unix.Openat(at, path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC|flags, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}

// connect connects fd to a.
func (a *address) connect(fd int) error {
	if a.anchor == nil || a.anchor.root == rootDirectory() {
		err := connectSocket(fd, a.socket)
		if a.anchor == nil || !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	// After a chroot, what is called /proc may be anything, or not be there.
	return a.anchor.connect(fd)
}

// connect connects fd without a name that begins at the root directory: on a thread
// whose working directory, of its own, is that of the descriptors.
func (a *anchor) connect(fd int) error {
	return seccomp.OnThread(func() error {
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return os.NewSyscallError("unshare", err)
		}
		if err := unix.Fchdir(a.proc); err != nil {
			return os.NewSyscallError("fchdir", err)
		}
		return connectSocket(fd, strconv.Itoa(a.socket))
	}, nil)
}
