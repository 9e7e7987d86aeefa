//go:build amd64 || arm64

package faults_test

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls of one thread of a child are told to this process, which says
// for each whether it is made or fails, and how: by a filter with a listener
// (SECCOMP_RET_USER_NOTIF in seccomp(2), seccomp_unotify(2)). Unlike a debugger
// that needs no right, and takes some microseconds for a call.

// noted are the system calls that are told. A close that fails by a filter leaves
// its descriptor open, which no close does on Linux, so it is not among them; and
// crypto/rand ends the program when there are no random numbers.
var noted = []uintptr{
	unix.SYS_SOCKET, unix.SYS_SETSOCKOPT, unix.SYS_BIND, unix.SYS_CONNECT, unix.SYS_SENDMSG,
	unix.SYS_RECVMMSG, unix.SYS_RECVMSG, unix.SYS_RECVFROM, unix.SYS_READ,
	unix.SYS_PIPE2, unix.SYS_FCNTL, unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT,
	unix.SYS_MKDIRAT, unix.SYS_FCHMODAT, unix.SYS_FSTAT, unix.SYS_OPENAT, unix.SYS_NEWFSTATAT, unix.SYS_UNLINKAT,
	unix.SYS_MMAP, unix.SYS_MADVISE, unix.SYS_CLONE, unix.SYS_PPOLL, windowCall,
}

// windowCall tells where a window begins and ends, with arguments that nobody
// else has.
const (
	windowCall  = unix.SYS_GETPRIORITY
	windowWhich = 0x696f
)

// A notice is struct seccomp_notif.
type notice struct {
	id         uint64
	pid, flags uint32
	nr         int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

// An answer is struct seccomp_notif_resp.
type answer struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

// notifyCalls has the noted calls of this thread told, and gives the listener.
func notifyCalls() (int, error) {
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}} // the number
	for _, nr := range noted {
		filter = append(filter,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(nr)},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return -1, fmt.Errorf("prctl: %w", err)
	}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return -1, fmt.Errorf("seccomp with a listener: %w", errno)
	}
	return int(fd), nil
}

// A plan is which call is to fail, and how.
type plan struct {
	call  string // its name, as nameOf gives it; "" for none
	nth   int    // counted in the windows of this run, from 1 on
	times int    // so many in a row
	errno unix.Errno
}

// A supervisor answers what the listener tells.
type supervisor struct {
	fd    int
	tid   uint32 // calls of others, who have inherited the filter, are made
	goFDs []int  // of the Go runtime's poller, which must not fail

	thread atomic.Int64 // that serves

	mu     sync.Mutex
	plan   plan
	window bool
	sender uint64         // the last socket that a send buffer was asked for
	calls  map[string]int // of this run
	failed int            // of these

	slotsSize uint64 // of the last memory that a Mux asked for
}

// begin begins a run.
func (s *supervisor) begin(p plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plan, s.window, s.sender, s.failed = p, false, 0, 0
	s.calls = make(map[string]int)
}

// end gives the calls of the run, and how many of them failed.
func (s *supervisor) end() (map[string]int, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls, s.failed
}

// serve answers until nobody has the filter any more.
func (s *supervisor) serve() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s.thread.Store(int64(unix.Gettid()))
	for {
		fds := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return err
		}
		if fds[0].Revents&unix.POLLHUP != 0 && fds[0].Revents&unix.POLLIN == 0 {
			return nil
		}
		var n notice
		err := ioctl(s.fd, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n))
		if err == nil {
			err = s.answer(&n)
		}
		// ENOENT is that of one who was killed, or will ask again after a signal.
		if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// interrupt has serve look again. Before Linux 6.11 it may wait for a call of a
// thread that was killed meanwhile, and does not see that all are gone (6.1).
func (s *supervisor) interrupt() {
	if tid := s.thread.Load(); tid != 0 {
		unix.Tgkill(unix.Getpid(), int(tid), unix.SIGURG) // which the runtime takes for nothing
	}
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

func (s *supervisor) answer(n *notice) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := answer{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	name := s.nameOf(n)
	if n.pid == s.tid && s.window && name != "" {
		s.calls[name]++
		if over := s.calls[name] - s.plan.nth; name == s.plan.call && over >= 0 && over < s.plan.times {
			a.flags, a.errno = 0, -int32(s.plan.errno)
			s.failed++
		}
	}
	if n.pid == s.tid && n.nr == windowCall && n.args[0] == windowWhich {
		s.window = n.args[1] == 1
	}
	return ioctl(s.fd, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&a))
}

// nameOf gives what the table of faults calls this call, "" for one that is the
// runtime's.
func (s *supervisor) nameOf(n *notice) string {
	own := !slices.Contains(s.goFDs, int(n.args[0]))
	switch uintptr(n.nr) {
	case unix.SYS_CONNECT:
		if n.args[0] != s.sender {
			return "connect (probe)"
		}
	case unix.SYS_FCNTL:
		return fcntlNames[n.args[1]]
	case unix.SYS_SETSOCKOPT:
		if n.args[2] == unix.SO_SNDBUFFORCE {
			s.sender = n.args[0]
		}
		return optionNames[n.args[2]]
	case unix.SYS_EPOLL_CTL:
		return epollName(n.args[1], own)
	case unix.SYS_EPOLL_PWAIT:
		if !own {
			return ""
		}
	case unix.SYS_READ:
		switch {
		case !own:
			return ""
		case n.args[2] == uint64(unsafe.Sizeof(unix.Errno(0))):
			return "read (os/exec)"
		}
	case unix.SYS_MMAP: // the slots: the runtime wants its memory kept for it
		if n.args[3]&unix.MAP_NORESERVE == 0 {
			return ""
		}
		s.slotsSize = n.args[1]
	case unix.SYS_MADVISE:
		if n.args[1] != s.slotsSize {
			return ""
		}
	}
	return callNames[uintptr(n.nr)]
}

// epollName leaves out what fails only for descriptors that are not there.
func epollName(op uint64, own bool) string {
	switch {
	case op != unix.EPOLL_CTL_ADD:
		return ""
	case own:
		return "epoll_ctl"
	}
	return "epoll_ctl (runtime)"
}

// fcntlNames leaves out the commands that fail only for descriptors that are
// not there.
var fcntlNames = map[uint64]string{unix.F_SETPIPE_SZ: "fcntl F_SETPIPE_SZ", unix.F_SETFL: "fcntl F_SETFL"}

var optionNames = map[uint64]string{
	unix.SO_TIMESTAMPNS: "setsockopt", unix.SO_PASSCRED: "setsockopt",
	unix.SO_SNDBUFFORCE: "setsockopt SO_SNDBUFFORCE", unix.SO_SNDBUF: "setsockopt SO_SNDBUF",
}

var callNames = map[uintptr]string{
	unix.SYS_SOCKET: "socket", unix.SYS_BIND: "bind", unix.SYS_CONNECT: "connect", unix.SYS_SENDMSG: "sendmsg",
	unix.SYS_RECVMMSG: "recvmmsg", unix.SYS_RECVMSG: "recvmsg", unix.SYS_RECVFROM: "recvfrom", unix.SYS_READ: "read",
	unix.SYS_PIPE2: "pipe2", unix.SYS_EPOLL_CREATE1: "epoll_create1", unix.SYS_EPOLL_PWAIT: "epoll_pwait",
	unix.SYS_MKDIRAT: "mkdir", unix.SYS_FCHMODAT: "fchmodat", unix.SYS_FSTAT: "fstat",
	unix.SYS_OPENAT: "open", unix.SYS_UNLINKAT: "unlink",
	unix.SYS_MMAP: "mmap", unix.SYS_MADVISE: "madvise", unix.SYS_CLONE: "clone", unix.SYS_PPOLL: "poll",
}

// sendFD sends fd over a socket, with a byte; after an error just another byte.
func sendFD(socket, fd int, err error) {
	if err != nil {
		unix.Write(socket, []byte(err.Error()))
		return
	}
	if err := unix.Sendmsg(socket, []byte{0}, unix.UnixRights(fd), nil, 0); err != nil {
		panic(err)
	}
}

// receiveFD receives what sendFD has sent.
func receiveFD(socket int) (int, error) {
	b, oob := make([]byte, 200), make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := unix.Recvmsg(socket, b, oob, unix.MSG_CMSG_CLOEXEC)
	switch {
	case err != nil:
		return -1, err
	case n == 0:
		return -1, io.ErrUnexpectedEOF
	case oobn == 0:
		return -1, errors.New(string(b[:n]))
	}
	cmsgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return -1, err
	}
	fds, err := unix.ParseUnixRights(&cmsgs[0])
	if err != nil {
		return -1, err
	}
	return fds[0], nil
}
