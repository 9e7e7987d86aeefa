//go:build linux || (unix && experimental_unix)

package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A stream is one of the two that output goes to.
type stream int

const (
	toStdout stream = iota
	toStderr
)

// A sink takes what is to be printed.
type sink interface {
	// write may keep p back until flush, but not p itself.
	write(to stream, p []byte)
	flush()
}

// maxGathered is how much is gathered for one write.
const maxGathered = 64 << 10

// streams is the sink that leads to the standard output and standard error of
// iomux. It gathers what goes to one of them, and writes it before it takes
// anything for the other: so the order is kept where both lead to the same
// place in the end, by whatever way.
type streams struct {
	fds     [2]int
	shared  bool // both lead to the same terminal, pipe or device
	pending []byte
	to      stream
	broken  [2]bool // writing has failed
	closed  bool    // as nobody reads one of them any more
	failed  bool    // something of iomux itself has failed, and was reported
}

func newStreams() *streams {
	s := &streams{fds: [2]int{unix.Stdout, unix.Stderr}}
	if s.shared = samePlace(os.Stdout, os.Stderr); s.shared {
		s.fds[toStderr] = unix.Stdout
	}
	return s
}

// samePlace tells whether it makes no difference which of the two is written to.
// Of a regular file it would: there may be two positions in it.
func samePlace(a, b *os.File) bool {
	x, err := a.Stat()
	if err != nil || x.Mode()&(os.ModeCharDevice|os.ModeNamedPipe) == 0 {
		return false
	}
	y, err := b.Stat()
	return err == nil && os.SameFile(x, y)
}

func (s *streams) write(to stream, p []byte) {
	if to != s.to && len(s.pending) > 0 && !s.shared {
		s.flush()
	}
	s.to = to
	s.pending = append(s.pending, p...)
	if len(s.pending) >= maxGathered {
		s.flush()
	}
}

func (s *streams) flush() {
	if len(s.pending) == 0 {
		return
	}
	p := s.pending
	s.pending = p[:0]
	if !s.broken[s.to] {
		s.note(writeAll(s.fds[s.to], p))
	}
}

// note takes the error of a write. The streams go on without the one that fails.
func (s *streams) note(err error) {
	if err == nil {
		return
	}
	s.broken[s.to] = true
	if s.shared {
		s.broken = [2]bool{true, true}
	}
	if errors.Is(err, unix.EPIPE) {
		s.closed = true
		return
	}
	name := [2]string{"standard output", "standard error"}[s.to]
	s.fail("write to %s: %v", name, err)
}

// fail reports something that the exit code is to tell, too.
func (s *streams) fail(format string, args ...any) {
	s.failed = true
	s.complain(format, args...)
}

// complain prints a message of iomux itself to standard error, after what was
// printed before.
func (s *streams) complain(format string, args ...any) {
	s.flush()
	writeAll(s.fds[toStderr], fmt.Appendf(nil, "iomux: "+format+"\n", args...)) // nobody is left to tell
}
