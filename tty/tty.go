// Package tty starts commands to which their output is a terminal, although
// their standard output and standard error are two pipes or sockets.
//
// A command on a real terminal writes lines at once, in colour, as wide as the
// window, but there standard output and standard error are one stream. On pipes
// they are two, and the command buffers its output in blocks, so that errors
// overtake it, and leaves the colours out. A command that a [Terminal] starts
// behaves as on a terminal and its streams stay apart:
//
//	for d, err := range iomux.OutputWith(cmd, tty.Terminal{}.Start) {
//
// What is a terminal to the command is decided by the answers to a few system
// calls (isatty, the window size, fstat of descriptors 1 and 2). This package
// gives those answers in the kernel's place, by means of a seccomp filter whose
// questions come to this process; see seccomp_unotify(2). Nothing is translated:
// what the command writes is what its reader gets, so a line ends with \n, not
// with the \r\n that a real terminal makes of it.
//
// It needs Linux 5.9 on amd64 or arm64, and /proc. On other systems it compiles,
// and Start returns an error that matches [errors.ErrUnsupported].
package tty

import (
	"os"
	"os/exec"
)

// A Terminal is what a command is to take its output for. The zero value has 24
// rows and 80 columns. A Terminal is not changed by its use and may be copied;
// each command that it starts has a terminal of its own.
type Terminal struct {
	// Rows and Cols are the size of the window, in characters. Where one is 0, it
	// is 24 or 80.
	Rows, Cols uint16

	// Term is the TERM of the command, such as "xterm-256color". If it is empty,
	// the command has the one of its environment.
	Term string

	// Real, if not nil, is a real terminal on which the output is shown. Its window
	// size, whenever the command asks for it, takes the place of Rows and Cols, and
	// its modes, such as whether what is typed is echoed, are those that the command
	// sees and sets. When the window changes, the command gets a SIGWINCH, from the
	// kernel if it is in the foreground of its terminal, else from this process if
	// that gets one.
	//
	// It stays the caller's. If it is closed, or no terminal, Rows and Cols count.
	Real *os.File
}

// Start starts cmd as [exec.Cmd.Start] does. To cmd, and to all that it starts in
// turn, the pipes and sockets that are its standard output and standard error are
// one terminal. It has the signature that iomux.OutputWith and the like want.
//
// cmd.Stdout and cmd.Stderr must each be nil or an [*os.File], for os/exec puts a
// pipe of its own before any other writer. One that is a file or a device stays
// what it is; if neither is a pipe or a socket, Start is cmd.Start.
//
// Errors of cmd.Start are returned as they are. If there can be no such terminal,
// nothing is started and the error is an [*Error].
//
// Without CAP_SYS_ADMIN the command gets the no_new_privs attribute, see
// PR_SET_NO_NEW_PRIVS(2const), so sudo and other programs that take on rights when
// they are executed refuse to work under it. Start does not change this process:
// it starts the command from a thread that ends then.
//
// Start does not wait for cmd. A goroutine answers for as long as there is a
// process that cmd or its children have started, and a process of one page for
// when this one ends before them: to those that it leaves behind, in whatever way
// it ends, the terminal has gone, but they work on. Neither is left when they are
// gone. Where the memory of a process cannot be written, as with one that runs as
// another user, it sees no terminal.
func (t Terminal) Start(cmd *exec.Cmd) error { return start(&t, cmd) }

// An Error says why a command was not started on a [Terminal]. It matches
// [errors.ErrUnsupported] if the system has no such filters or no usable /proc, or
// refuses the filter. It matches syscall.EBUSY if this process was itself started
// by a Terminal: the kernel allows no second one, but what has the output of this
// process as its own is on a terminal already.
type Error struct {
	Err error // what is missing
}

func (e *Error) Error() string { return "tty: command not started: " + e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }
