//go:build amd64 || arm64

package tty

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A screen is what a terminal remembers: its modes and its size. Where a real
// terminal is behind it, that remembers them.
type screen struct {
	modes unix.Termios
	size  unix.Winsize
	real  syscall.RawConn // or nil
}

func newScreen(t *Terminal) *screen {
	s := &screen{modes: initialModes(), size: unix.Winsize{Row: t.Rows, Col: t.Cols}}
	if s.size.Row == 0 {
		s.size.Row = 24
	}
	if s.size.Col == 0 {
		s.size.Col = 80
	}
	if t.Real != nil {
		s.real, _ = t.Real.SyscallConn() // closed: it has nothing to say
	}
	return s
}

// initialModes returns the modes of a new pseudo-terminal, as drivers/tty/pty.c of
// the kernel sets them.
func initialModes() unix.Termios {
	m := unix.Termios{
		Iflag:  unix.ICRNL | unix.IXON,
		Oflag:  unix.OPOST | unix.ONLCR,
		Cflag:  unix.B38400 | unix.CS8 | unix.CREAD,
		Lflag:  unix.ISIG | unix.ICANON | unix.ECHO | unix.ECHOE | unix.ECHOK | unix.ECHOCTL | unix.ECHOKE | unix.IEXTEN,
		Ispeed: 38400,
		Ospeed: 38400,
	}
	copy(m.Cc[:], "\003\034\177\025\004\000\001\000\021\023\032\000\022\017\027\026\000")
	return m
}

// onReal makes the ioctl call on the real terminal, and reports whether there is
// one that accepts it.
func (s *screen) onReal(request uintptr, arg unsafe.Pointer) bool {
	if s.real == nil {
		return false
	}
	errno := syscall.Errno(0)
	err := s.real.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(arg))
	})
	return err == nil && errno == 0
}

func (s *screen) currentModes() unix.Termios {
	var m unix.Termios
	if s.onReal(tcgets2, unsafe.Pointer(&m)) {
		return m
	}
	return s.modes
}

func (s *screen) currentSize() unix.Winsize {
	var w unix.Winsize
	if s.onReal(tiocgwinsz, unsafe.Pointer(&w)) && w.Row != 0 && w.Col != 0 {
		return w
	}
	return s.size
}

// setModes sets the modes of the real terminal, if foreground says that the
// command may, and else remembers them.
func (s *screen) setModes(m unix.Termios, foreground bool) {
	if foreground && s.change(tcsets2, unsafe.Pointer(&m)) {
		return
	}
	// A pseudo-terminal does not allow these to be changed.
	m.Cflag = m.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8 | unix.CREAD
	s.modes = m
}

func (s *screen) setSize(w unix.Winsize, foreground bool) {
	if !foreground || !s.onReal(tiocswinsz, unsafe.Pointer(&w)) {
		s.size = w
	}
}

// flushInput throws away what was typed and not yet read.
func (s *screen) flushInput(foreground bool) {
	if foreground {
		s.change(tcflsh, nil) // TCIFLUSH is 0
	}
}

// change is onReal for what would stop this process if it is in the background,
// though the command is not: a shell with job control puts itself to the front.
func (s *screen) change(request uintptr, arg unsafe.Pointer) bool {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var block, before unix.Sigset_t
	block.Val[0] = 1 << (unix.SIGTTOU - 1)
	if unix.PthreadSigmask(unix.SIG_BLOCK, &block, &before) != nil {
		return false
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
	return s.onReal(request, arg)
}

// inForeground reports whether the thread may change the real terminal. Whoever
// is in the background of a terminal may not; of one that is not the terminal of
// this session there is no background.
func (s *screen) inForeground(tid int) bool {
	var front int32
	if !s.onReal(unix.TIOCGPGRP, unsafe.Pointer(&front)) {
		return true
	}
	group, err := unix.Getpgid(tid)
	return err == nil && group == int(front)
}
