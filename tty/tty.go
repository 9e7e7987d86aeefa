// Package tty starts commands that see a terminal as their output, although their
// standard output and standard error are two pipes or sockets.
//
// On a real terminal a command writes each line at once, in colour, as wide as the
// window, but standard output and standard error are one stream. On pipes they are
// two, but the command buffers its output in blocks, so that errors overtake it,
// and drops the colours. A command that is started by a [Terminal] behaves as on a
// terminal, and its streams stay apart:
//
//	for d, err := range iomux.OutputWith(cmd, tty.Terminal{}.Start) {
//
// A command learns from a few system calls that something is a terminal: isatty,
// the window size, fstat of descriptors 1 and 2. This package answers these in the
// kernel's place, by means of a seccomp filter that turns them into questions to
// this process; see seccomp_unotify(2). Nothing is translated: what the command
// writes is what its reader gets, so a line ends with \n, not with the \r\n that a
// real terminal makes of it.
//
// It needs Linux 5.9 on amd64 or arm64, and /proc. On other systems it compiles,
// and Start returns an error that matches [errors.ErrUnsupported].
package tty

import (
	"os"
	"os/exec"
)

// A Terminal describes the terminal that a command is to see. The zero value
// has 24 rows and 80 columns. Using a Terminal does not change it, and it may
// be copied; each command that it starts has a terminal of its own.
type Terminal struct {
	// Rows and Cols are the size of the window, in characters. If Rows is 0,
	// it is 24; if Cols is 0, it is 80.
	Rows, Cols uint16

	// Term is the TERM of the command, such as "xterm-256color". If it is
	// empty, the command has the one of its environment.
	Term string

	// Real, if not nil, is a real terminal on which the output is shown. Its
	// window size is used instead of Rows and Cols, whenever the command asks
	// for it, and its modes, such as whether typed characters are echoed, are
	// those that the command sees and sets. When the window changes, the
	// command gets a SIGWINCH: from the kernel if it is in the foreground of
	// its terminal, otherwise from this process if this process gets one.
	//
	// Real remains the caller's. If it is closed, or not a terminal, Rows and
	// Cols are used.
	Real *os.File
}

// Start starts cmd as [exec.Cmd.Start] does. To cmd, and to all its
// descendants, the pipes and sockets that are its standard output and
// standard error are one terminal. Start can be used as the start function of
// iomux.OutputWith and the like.
//
// cmd.Stdout and cmd.Stderr must each be nil or an [*os.File], because
// os/exec puts a pipe of its own in front of any other writer. One that is a
// file or a device is left as it is. If neither is a pipe or a socket, Start
// is cmd.Start.
//
// Errors of cmd.Start are returned unchanged. If the terminal cannot be had,
// nothing is started and the error is an [*Error].
//
// Without CAP_SYS_ADMIN the command gets the no_new_privs attribute, see
// PR_SET_NO_NEW_PRIVS(2const), so sudo and other programs that gain rights
// when they are executed refuse to work under it. Start does not change this
// process: it starts the command from a thread that then ends. Several
// goroutines may call it at the same time; at most 32 commands are started at
// a time, and further calls wait.
//
// Start does not wait for cmd. As long as cmd or one of its descendants runs,
// a goroutine answers their questions, and a helper process of one page waits
// to take over. If this process ends first, in whatever way, the helper keeps
// the descendants working; to them the terminal is gone. When they have
// exited, the goroutine and the helper end. A process whose memory cannot be
// written, such as one that runs as another user, sees no terminal.
func (t Terminal) Start(cmd *exec.Cmd) error { return start(&t, cmd) }

// An Error says why a command was not started on a [Terminal]. It matches
// [errors.ErrUnsupported] if the system has no such filters or no usable
// /proc, or refuses the filter. It matches syscall.EBUSY if this process was
// itself started by a Terminal: the kernel does not allow a second filter of
// this kind. A command that has the output of this process as its own is on a
// terminal already.
type Error struct {
	Err error // what is missing
}

func (e *Error) Error() string { return "tty: command not started: " + e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }
