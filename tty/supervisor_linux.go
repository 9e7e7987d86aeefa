//go:build amd64 || arm64

package tty

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux/internal/supervised"
)

// A supervisor answers the questions of a command and of all that it starts.
type supervisor struct {
	*listener
	screen  *screen
	helper  *helper
	senders []identity // which together are the terminal
	done    chan struct{}
}

func newSupervisor(t *Terminal, senders []sender) *supervisor {
	s := &supervisor{screen: newScreen(t), done: make(chan struct{})}
	for _, sender := range senders {
		s.senders = append(s.senders, sender.identity)
	}
	return s
}

// run answers until nobody is left who could ask.
func (s *supervisor) run() {
	defer supervised.Done()
	defer close(s.done)
	for s.wait() {
		if err := s.answerOne(); err != nil && err != unix.ENOENT { // who asked may be gone
			// The helper could not answer either. With nobody who has the listener,
			// calls that are asked about fail, and nobody waits.
			s.helper.kill()
			break
		}
	}
	s.file.Close()
	s.helper.release()
	s.helper.wait()
}

// answerOne answers a question, after wait has seen one.
func (s *supervisor) answerOne() error {
	q, err := s.receive()
	if err != nil {
		return err
	}
	s.helper.recordID(q.id)
	return s.reply(&q)
}

func (s *supervisor) reply(q *question) error {
	a := s.answer(q)
	a.id = q.id
	err := s.send(a)
	if err == unix.EINVAL { // before Linux 5.5 there is no SECCOMP_USER_NOTIF_FLAG_CONTINUE
		err = s.send(answer{id: q.id, err: -int32(unix.ENOSYS)})
	}
	return err
}

// answer answers for the descriptors that are the terminal, and lets the kernel
// answer for all others.
func (s *supervisor) answer(q *question) answer {
	a, ok := s.newAsker(q)
	if !ok {
		return makeCall
	}
	defer a.close()
	fd := uint32(q.args[0])
	var st unix.Stat_t
	if unix.Fstatat(a.dir, descriptorPath(fd), &st, 0) != nil || !s.isSender(identityOf(&st)) {
		return makeCall
	}
	if q.nr == unix.SYS_IOCTL {
		return s.control(a, q)
	}
	if !a.open() {
		return makeCall
	}
	switch q.nr {
	case unix.SYS_FSTAT:
		return a.giveStat(st, q.args[1])
	case sysFstatat:
		return a.fstatat(st, q)
	case unix.SYS_STATX:
		return a.statx(q)
	}
	return makeCall
}

func (s *supervisor) isSender(id identity) bool {
	for _, sender := range s.senders {
		if id == sender {
			return true
		}
	}
	return false
}

// control answers ioctl(2).
func (s *supervisor) control(a *asker, q *question) answer {
	request, arg := uint32(q.args[1]), q.args[2]
	switch request {
	case fionbio, tcsbrk, tcsbrkp, tcxonc: // nothing waits to be sent, or can be stopped
		return succeed()
	case tcflsh:
		return s.flush(q)
	}
	if !a.open() {
		return makeCall
	}
	switch request {
	case tcgets:
		m := s.screen.currentModes()
		return a.give(arg, bytesOf(&m)[:termiosSize])
	case tcgets2:
		m := s.screen.currentModes()
		return a.give(arg, bytesOf(&m))
	case tiocgwinsz:
		w := s.screen.currentSize()
		return a.give(arg, bytesOf(&w))
	case tiocoutq:
		return a.give(arg, make([]byte, 4))
	case tiocswinsz:
		return s.takeSize(a, q)
	}
	return s.takeModes(a, q)
}

// termiosSize is the size of the kernel's struct termios, which has no speeds.
const termiosSize = 36

// bytesOf is the memory of v, which has no pointers.
func bytesOf[T any](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}

// give answers with these bytes at this address.
func (a *asker) give(address uint64, p []byte) answer {
	if !a.write(address, p) {
		return fail(unix.EFAULT)
	}
	return succeed()
}

func (s *supervisor) flush(q *question) answer {
	switch q.args[2] {
	case unix.TCIFLUSH, unix.TCIOFLUSH:
		s.screen.flushInput(s.screen.inForeground(int(q.tid)))
	case unix.TCOFLUSH: // all has been written
	default:
		return fail(unix.EINVAL)
	}
	return succeed()
}

func (s *supervisor) takeSize(a *asker, q *question) answer {
	var w unix.Winsize
	if !a.read(q.args[2], bytesOf(&w)) {
		return fail(unix.EFAULT)
	}
	s.screen.setSize(w, s.screen.inForeground(int(q.tid)))
	return succeed()
}

// takeModes answers TCSETS and its kin. All has been written, so they differ in
// whether they flush the input.
func (s *supervisor) takeModes(a *asker, q *question) answer {
	request := uint32(q.args[1])
	m := s.screen.currentModes() // for the speeds
	p := bytesOf(&m)
	if request == tcsets || request == tcsetsw || request == tcsetsf {
		p = p[:termiosSize]
	}
	if !a.read(q.args[2], p) {
		return fail(unix.EFAULT)
	}
	foreground := s.screen.inForeground(int(q.tid))
	if request == tcsetsf || request == tcsetsf2 {
		s.screen.flushInput(foreground)
	}
	s.screen.setModes(m, foreground)
	return succeed()
}

// What a descriptor of the terminal is by fstat and its kin: a device of the kind
// that pseudo-terminals are, with a number that none has. So nobody finds a path
// for it (ttyname fails with ENODEV), and opens another terminal by that.
const (
	deviceMode  = unix.S_IFCHR | 0o620
	deviceMajor = 136
	deviceMinor = 1<<20 - 1
	deviceBlock = 1024
)

func (a *asker) giveStat(st unix.Stat_t, address uint64) answer {
	st.Mode = deviceMode
	st.Rdev = unix.Mkdev(deviceMajor, deviceMinor)
	st.Size, st.Blocks, st.Blksize = 0, 0, deviceBlock
	return a.give(address, bytesOf(&st))
}

// fstatat answers if the path is in fact empty.
func (a *asker) fstatat(st unix.Stat_t, q *question) answer {
	const understood = unix.AT_EMPTY_PATH | unix.AT_NO_AUTOMOUNT | unix.AT_SYMLINK_NOFOLLOW
	if q.args[3]&^understood&(1<<32-1) != 0 || !a.isEmpty(q.args[1]) {
		return makeCall
	}
	return a.giveStat(st, q.args[2])
}

func (a *asker) statx(q *question) answer {
	flags := int(int32(q.args[2])) &^ (unix.AT_EMPTY_PATH | unix.AT_SYMLINK_NOFOLLOW)
	var stx unix.Statx_t
	if !a.isEmpty(q.args[1]) ||
		unix.Statx(a.dir, descriptorPath(uint32(q.args[0])), flags, int(uint32(q.args[3])), &stx) != nil {
		return makeCall
	}
	stx.Mode = deviceMode
	stx.Rdev_major, stx.Rdev_minor = deviceMajor, deviceMinor
	stx.Size, stx.Blocks, stx.Blksize = 0, 0, deviceBlock
	return a.give(q.args[4], bytesOf(&stx))
}

// isEmpty reports whether the path at this address is empty. It may also be
// NULL, since Linux 6.11.
func (a *asker) isEmpty(address uint64) bool {
	var c [1]byte
	return address == 0 || a.read(address, c[:]) && c[0] == 0
}
