//go:build linux || (unix && experimental_unix)

package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
)

// A stream is one of the two that output goes to.
type stream int

const (
	toStdout stream = iota
	toStderr
)

var streamNames = [2]string{iomux.Stdout, iomux.Stderr}

// A sink takes what is to be printed.
type sink interface {
	// write may delay what p contains until flush, but must not retain p.
	write(to stream, p []byte)
	flush()
}

// streams is the sink that leads to the standard output and standard error of
// iomux. It gathers what goes to one of them, and writes it before it takes
// anything for the other: so the order is kept where both lead to the same
// place in the end, by whatever way.
type streams struct {
	places  [2]*place // one and the same if both lead to the same terminal, pipe or device
	pending gathered
	to      stream
	closed  bool // as nobody reads one of them any more
	failed  bool // something of iomux itself has failed, and was reported
}

func newStreams() *streams {
	s := &streams{places: [2]*place{{fd: unix.Stdout}, {fd: unix.Stderr}}}
	if samePlace(unix.Stdout, unix.Stderr) {
		s.places[toStderr] = s.places[toStdout]
	}
	return s
}

// shared reports whether both streams lead to the same place.
func (s *streams) shared() bool { return s.places[toStdout] == s.places[toStderr] }

// samePlace reports whether it makes no difference which of the two is written
// to. Of a regular file it would: there may be two positions in it.
func samePlace(a, b int) bool {
	var x, y unix.Stat_t
	if unix.Fstat(a, &x) != nil || unix.Fstat(b, &y) != nil {
		return false
	}
	kind := uint32(x.Mode) & unix.S_IFMT
	return (kind == unix.S_IFCHR || kind == unix.S_IFIFO) && x.Dev == y.Dev && x.Ino == y.Ino
}

// takeLines says that each write is of whole lines, which are to stay whole
// among those that others write to the same place.
func (s *streams) takeLines() {
	for _, p := range s.places {
		p.takeLines()
	}
}

func (s *streams) write(to stream, p []byte) {
	if to != s.to && !s.pending.empty() && !s.shared() {
		s.flush()
	}
	s.to = to
	if len(p) >= maxGathered {
		s.flush()
		s.put(p)
		return
	}
	s.pending.add(p, s.places[to].unit)
	if s.pending.full() {
		s.flush()
	}
}

func (s *streams) flush() {
	if s.pending.empty() {
		return
	}
	s.put(s.pending.parts()...)
	s.pending.clear()
}

// put writes to the place that is current. The streams go on without the one
// that fails.
func (s *streams) put(parts ...[]byte) {
	p := s.places[s.to]
	if p.broken {
		return
	}
	err := p.put(parts...)
	if err == nil {
		return
	}
	p.broken = true
	if errors.Is(err, unix.EPIPE) {
		s.closed = true
		return
	}
	name := [2]string{"standard output", "standard error"}[s.to]
	s.fail("write to %s: %v", name, err)
}

// fail is complain for an error that the exit code must show as well.
func (s *streams) fail(format string, args ...any) {
	s.failed = true
	s.complain(format, args...)
}

// complain prints a message of iomux itself to standard error, after what was
// printed before, and in a line of its own.
func (s *streams) complain(format string, args ...any) {
	s.flush()
	p, b := s.places[toStderr], []byte(nil)
	if s.midLine() {
		b = append(b, '\n')
	}
	p.put(fmt.Appendf(b, "iomux: "+format+"\n", args...)) // nobody is left to tell
}

// midLine reports whether standard error leads to a line that has begun.
func (s *streams) midLine() bool {
	last := s.places[toStderr].last
	x, errOut := os.Stdout.Stat()
	y, errErr := os.Stderr.Stat()
	if errOut == nil && errErr == nil && os.SameFile(x, y) {
		last = s.places[s.to].last
	}
	return last != 0 && last != '\n'
}
