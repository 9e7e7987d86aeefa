//go:build linux || (unix && experimental_unix)

package iomux

import (
	"errors"
	"io"
	"os"
	"os/exec"
)

// Run runs cmd as [exec.Cmd.Run] does, except that its output reaches
// cmd.Stdout and cmd.Stderr in the order of the writes: from the calling
// goroutine, one Write at a time. It is [Mux.Run] on a Mux of its own, made
// as [Output] makes it.
func Run(cmd *exec.Cmd) error { return RunWith(cmd, nil) }

// RunWith is [Run] with a start function; see [Mux.OutputWith].
func RunWith(cmd *exec.Cmd, start func(*exec.Cmd) error) error {
	m, err := newForAny()
	if err != nil {
		return err
	}
	defer m.Close()
	return m.RunWith(cmd, start)
}

// Run runs cmd as [exec.Cmd.Run] does, except that its output passes through
// the Mux and is written to cmd.Stdout and cmd.Stderr in the order of the
// writes, from the calling goroutine, one Write at a time. It blocks until
// cmd has exited and the output has ended, and while a writer blocks. The Mux
// must have no other reader meanwhile. Output of other senders is discarded,
// unless they are tagged [Stdout] or [Stderr]: then it is treated as that of
// cmd.
//
// Stdout and Stderr mean what they mean in os/exec: nil discards a stream,
// and if both are the same writer (of a type that can be compared with ==),
// cmd gets one descriptor for both. An [*os.File] is not passed to cmd but
// written to by Run, as any other writer is; otherwise its output would not
// be in order with the rest. Run restores the fields before it returns.
//
// Stdin, WaitDelay, Cancel and the context mean what they mean in os/exec,
// and so do the errors: that of [exec.Cmd.Start] unchanged, an
// [*exec.ExitError], the first error of a writer if cmd succeeded
// ([io.ErrShortWrite] if it wrote less than it was given),
// [exec.ErrWaitDelay]. After a writer has failed, its stream is closed for
// cmd, which gets EPIPE and SIGPIPE there, and the other stream goes on; with
// sockets both are closed. If cmd is nil, the error says so. Unlike in
// os/exec, a writer that blocks holds up both streams, to keep the order.
func (m *Mux) Run(cmd *exec.Cmd) error { return m.RunWith(cmd, nil) }

// RunWith is [Mux.Run] with a start function; see [Mux.OutputWith]. While start
// runs, a stream that is discarded is nil.
func (m *Mux) RunWith(cmd *exec.Cmd, start func(*exec.Cmd) error) error {
	switch {
	case cmd == nil:
		return errors.New("iomux: Run of a nil Cmd")
	case cmd.Stdout == nil && cmd.Stderr == nil:
		return runSilent(cmd, start)
	}
	s := streams{Stdout, Stderr, cmd.Stdout != nil, cmd.Stderr != nil}
	if s.wantStdout && sameWriter(cmd.Stdout, cmd.Stderr) {
		s.stderr = Stdout
	}
	c := &copier{m: m, writers: map[string]io.Writer{s.stderr: cmd.Stderr, s.stdout: cmd.Stdout}}
	r, err := m.run(cmd, start, s)
	if err != nil {
		return err
	}
	readErr, waitErr, _ := r.read(c.copy)
	switch {
	case readErr != nil && readErr != exec.ErrWaitDelay:
		return readErr
	case waitErr != nil:
		return waitErr
	case c.err != nil:
		return c.err
	}
	return readErr
}

// runSilent runs a command whose output is discarded.
func runSilent(cmd *exec.Cmd, start func(*exec.Cmd) error) error {
	if start == nil {
		start = startAuto
	}
	if err := start(cmd); err != nil {
		return err
	}
	return cmd.Wait()
}

// sameWriter reports whether a and b are the same, also where they are of a type
// that cannot be compared.
func sameWriter(a, b io.Writer) (same bool) {
	defer func() {
		if recover() != nil {
			same = false
		}
	}()
	return a == b
}

// A copier writes pieces to the writers of their tags.
type copier struct {
	m       *Mux
	writers map[string]io.Writer // nil for a stream that is discarded, or has failed
	err     error                // the first of a writer
}

// copy writes one piece. It reports whether to go on.
func (c *copier) copy(d TaggedData, _ error) bool {
	w := c.writers[d.Tag]
	if w == nil {
		return true
	}
	n, err := w.Write(d.Data)
	if err == nil && n != len(d.Data) {
		err = io.ErrShortWrite
	}
	if err == nil {
		return true
	}
	c.writers[d.Tag] = nil
	if c.err == nil {
		c.err = err
	}
	return c.m.hangUp(d.Tag)
}

// hangUp closes the receive end of the senders with this tag. It reports whether
// the Mux could do so.
func (m *Mux) hangUp(tag string) bool {
	t, ok := m.t.(interface{ hangUp(tag string) })
	if !ok || !m.turn.tryPast(reading) {
		return false
	}
	defer m.leave()
	if !m.closed.Load() {
		t.hangUp(tag)
	}
	return true
}

// A holder is a transport that looks after the senders of a command while it runs.
type holder interface {
	// hold is called when the process pid has been started with these senders. It
	// reports whether it looks after them while the process runs; then it has
	// closed them.
	hold(pid int, senders []*os.File) bool

	// nonblocking reports whether a command that was held has made its output
	// nonblocking.
	nonblocking() bool
}

func (m *Mux) hold(cmd *exec.Cmd, senders []*os.File) (closed bool) {
	h, ok := m.t.(holder)
	return ok && cmd.Process != nil && h.hold(cmd.Process.Pid, senders)
}

// Nonblocking reports whether a command that was started on this [NewPipe]
// Mux was seen to make its output nonblocking, so that some output may have
// been lost: of that command, or of others that share it. Once it returns
// true, it always does, even after Close. It does not block, and may be called
// at any time. [StartBlocking] prevents commands from making their output
// nonblocking.
//
// O_NONBLOCK belongs to the pipe, not to the process that sets it (fcntl(2)).
// The Mux clears the flag when it reads the next piece, and makes that pipe
// as large as a plain one, so only what is written in the first moment, some
// tens of microseconds, may be lost. From then on the order of what comes
// from that pipe is best effort. Nonblocking does not see a single write that
// asks not to wait (RWF_NOWAIT in pwritev2(2), as bun uses it), or what a
// command does that the Mux did not start. For a Mux of sockets it returns
// false.
func (m *Mux) Nonblocking() bool {
	h, ok := m.t.(holder)
	return ok && h.nonblocking()
}
