//go:build linux || (unix && experimental_unix)

// Package contender holds the ways to receive the output of a child that are
// measured against each other, and the child that writes for all of them.
package contender

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// A Receiver is one way to receive what is written to its senders.
type Receiver interface {
	// Senders gives the send ends. Whoever starts a child on them closes them.
	Senders() []*os.File

	// Receive blocks until so many bytes more have come.
	Receive(bytes int) error

	// Close closes the receive end, and not the senders.
	Close() error
}

// A Run is a child that writes to a Receiver.
type Run struct {
	r       Receiver
	load    Load
	cmd     *exec.Cmd
	answers *os.File // its standard input
}

// Start starts cmd, which must run [Write] with the arguments of load, on the
// senders of r, and waits until it has written once and waits to be released.
// The senders that it does not write to stay open until [Run.Wait].
func Start(r Receiver, cmd *exec.Cmd, load Load) (*Run, error) {
	stdin, answers, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	cmd.Stdin = stdin
	used := r.Senders()[:load.Senders]
	cmd.Stdout = used[0]
	if len(used) > 1 {
		cmd.Stderr = used[1]
		cmd.ExtraFiles = used[2:]
	}
	if err := cmd.Start(); err != nil {
		answers.Close()
		return nil, err
	}
	for _, f := range used {
		f.Close()
	}
	run := &Run{r: r, load: load, cmd: cmd, answers: answers}
	if err := r.Receive(load.Size); err != nil {
		return nil, errors.Join(err, run.Wait())
	}
	return run, nil
}

// A Result is what a run cost the receiver.
type Result struct {
	Elapsed time.Duration
	CPU     time.Duration // of this process
}

// Receive releases the child and receives all that it writes.
func (r *Run) Receive() (Result, error) {
	start, cpu := time.Now(), CPU()
	if _, err := r.answers.Write([]byte{0}); err != nil {
		return Result{}, err
	}
	if err := r.receive(); err != nil {
		return Result{}, err
	}
	return Result{Elapsed: time.Since(start), CPU: CPU() - cpu}, nil
}

func (r *Run) receive() error {
	if !r.load.Answer {
		return r.r.Receive(r.load.Writes * r.load.Size)
	}
	answer := make([]byte, answerSize)
	for range r.load.Writes {
		if err := r.r.Receive(r.load.Size); err != nil {
			return err
		}
		if _, err := r.answers.Write(answer); err != nil {
			return err
		}
	}
	return nil
}

// Wait waits for the child, whose exit code is the number of the error that
// ended it.
func (r *Run) Wait() error {
	err := errors.Join(r.answers.Close(), r.cmd.Wait())
	for _, f := range r.r.Senders()[r.load.Senders:] {
		f.Close()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return fmt.Errorf("writer: %w", unix.Errno(exit.ExitCode()))
	}
	return err
}

// CPU is the processor time that this process has used.
func CPU() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err) // cannot fail for the process itself, getrusage(2)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// tooShort is the error of a receiver that saw the end of output too early.
func tooShort(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
