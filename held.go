//go:build linux || (unix && experimental_unix)

package iomux

import (
	"os"
	"os/exec"
)

// A holder is a transport that looks after the senders of a command while it runs.
type holder interface {
	// hold is called when the process pid has been started with these senders, and
	// before they are closed here.
	hold(pid int, senders []*os.File)

	// nonblocking reports whether a command that was held has made its output
	// nonblocking.
	nonblocking() bool
}

func (m *Mux) hold(cmd *exec.Cmd, senders []*os.File) {
	if h, ok := m.t.(holder); ok && cmd.Process != nil {
		h.hold(cmd.Process.Pid, senders)
	}
}

// Nonblocking reports whether a command that a [NewPipe] Mux has started was seen to
// make its output nonblocking, so that some of it may have been lost: by that
// command, or by others that share the output. It stays true from then on, also
// after Close. [StartBlocking] keeps commands from making their output nonblocking.
//
// O_NONBLOCK belongs to the pipe, not to the process that sets it (fcntl(2)). The
// Mux clears it when it reads the next piece, and makes that pipe as large as a
// plain one, so what may be lost is what is written in the first moment, some tens
// of microseconds. From then on the order of what comes from that pipe is best
// effort. What cannot be seen is a single write that does not want to wait
// (RWF_NOWAIT in pwritev2(2), as bun uses it), and what a command does that the Mux
// did not start. A Mux of sockets reports false.
func (m *Mux) Nonblocking() bool {
	h, ok := m.t.(holder)
	return ok && h.nonblocking()
}
