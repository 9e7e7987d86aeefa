//go:build amd64 || arm64

package tty

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux/internal/seccomp"
	"github.com/seed-5082a588/iomux/internal/supervised"
)

func start(t *Terminal, cmd *exec.Cmd) error {
	senders, err := sendersOf(cmd)
	if err != nil {
		return &Error{err}
	}
	if t.Term != "" {
		env := cmd.Env
		cmd.Env = append(cmd.Environ(), "TERM="+t.Term)
		defer func() { cmd.Env = env }()
	}
	if len(senders) == 0 {
		return cmd.Start()
	}
	s := newSupervisor(t, senders)
	resizes := make(chan os.Signal, 1)
	if t.Real != nil {
		signal.Notify(resizes, unix.SIGWINCH)
	}
	filter := seccomp.Build(rules(cmd)...)
	pid := 0
	var after func()
	if cmd.SysProcAttr != nil && cmd.SysProcAttr.Pdeathsig != 0 {
		after = func() { seccomp.AwaitExit(pid) }
	}
	err = seccomp.OnThread(func() error {
		if err := s.begin(filter, senders[0].file); err != nil {
			return &Error{err}
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		pid = cmd.Process.Pid
		return nil
	}, after)
	if err == nil && t.Real != nil {
		go s.passOn(resizes, cmd)
		return nil
	}
	signal.Stop(resizes)
	if err != nil && s.listener != nil {
		<-s.done // nothing is left of it
	}
	return err
}

// A sender is an end of a pipe, or a socket, that the command writes to.
type sender struct {
	file *os.File
	identity
}

// sendersOf returns those that are the output of cmd.
func sendersOf(cmd *exec.Cmd) (senders []sender, err error) {
	for i, w := range []io.Writer{cmd.Stdout, cmd.Stderr} {
		if w == nil {
			continue
		}
		name := []string{"Stdout", "Stderr"}[i]
		f, ok := w.(*os.File)
		if !ok {
			return nil, fmt.Errorf("%s of the Cmd is not an *os.File but a %T", name, w)
		}
		var st unix.Stat_t
		if err := withFD(f, func(fd int) error { return unix.Fstat(fd, &st) }); err != nil {
			return nil, fmt.Errorf("%s of the Cmd: %w", name, err)
		}
		if kind := st.Mode & unix.S_IFMT; kind == unix.S_IFIFO || kind == unix.S_IFSOCK {
			senders = append(senders, sender{f, identityOf(&st)})
		}
	}
	return senders, nil
}

// withFD calls f with the descriptor, and does not change it: File.Fd would have
// it block.
func withFD(file *os.File, f func(fd int) error) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	if conn.Control(func(fd uintptr) { err = f(int(fd)) }) != nil {
		return os.ErrClosed
	}
	return err
}

// begin puts this thread under the filter, and has its questions answered. Then
// it asks the first ones itself, so that what does not work here is found before
// a command depends on it.
func (s *supervisor) begin(filter []unix.SockFilter, sender *os.File) error {
	fd, err := install(filter)
	if err != nil {
		return err
	}
	listening := make(chan error)
	go func() { listening <- s.listen(fd) }() // on a thread that is not under it
	if err := <-listening; err != nil {
		return err
	}
	return withFD(sender, try)
}

// install returns the descriptor from which the questions come.
func install(filter []unix.SockFilter) (int, error) {
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
	// So that a signal that comes while a question is answered is handled afterwards.
	fd, err := seccomp.Install(filter, flags|unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, true)
	if errors.Is(err, unix.EINVAL) { // before Linux 5.19
		fd, err = seccomp.Install(filter, flags, true)
	}
	switch {
	case errors.Is(err, unix.EBUSY):
		err = fmt.Errorf("this process is itself on such a terminal (iomux -tty?), and the kernel allows only one: %w", unix.EBUSY)
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		err = unsupported("the kernel has no seccomp filters with a listener: it needs Linux 5.9 or later, and does not work in gVisor")
	}
	return fd, err
}

// listen has the questions answered that come from the descriptor, which it owns.
func (s *supervisor) listen(fd int) error {
	h, err := startHelper(fd)
	if err != nil {
		unix.Close(fd)
		return err
	}
	s.helper = h
	l, err := newListener(fd)
	if err != nil {
		h.release()
		go h.wait()
		return err
	}
	s.listener = l
	supervised.Add()
	go s.run()
	return nil
}

// try asks what the command will ask.
func try(sender int) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, ^uintptr(0), tcgets, 0)
	if errno != unix.EBADF || beforeLinux5_9() {
		return unsupported("the kernel cannot continue a system call that a filter has trapped: it needs Linux 5.9 or later")
	}
	var w unix.Winsize
	_, _, errno = unix.Syscall(unix.SYS_IOCTL, uintptr(sender), tiocgwinsz, uintptr(unsafe.Pointer(&w)))
	if errno != 0 || w == (unix.Winsize{}) {
		return unsupported("the memory of the command could not be written through /proc")
	}
	return nil
}

// beforeLinux5_9 reports whether the kernel does not tell when nobody is left who
// could ask, so that supervisor and helper would stay for ever.
func beforeLinux5_9() bool {
	var name unix.Utsname
	var major, minor int
	if unix.Uname(&name) != nil {
		return false
	}
	n, _ := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &major, &minor)
	return n == 2 && (major < 5 || major == 5 && minor < 9)
}

// unsupported is an error that matches errors.ErrUnsupported.
type unsupported string

func (e unsupported) Error() string        { return string(e) }
func (e unsupported) Is(target error) bool { return target == errors.ErrUnsupported }

// passOn passes SIGWINCH on, as the kernel sends it to one process group only.
func (s *supervisor) passOn(resizes chan os.Signal, cmd *exec.Cmd) {
	defer signal.Stop(resizes)
	for {
		select {
		case <-resizes:
			if group, err := unix.Getpgid(cmd.Process.Pid); err == nil && group != unix.Getpgrp() {
				cmd.Process.Signal(unix.SIGWINCH) // if it is still there
			}
		case <-s.done:
			return
		}
	}
}
