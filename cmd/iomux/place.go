//go:build linux || (unix && experimental_unix)

package main

import (
	"golang.org/x/sys/unix"
)

const (
	// maxGathered is how much is gathered before it is written.
	maxGathered = 64 << 10

	// pipeUnit is what a pipe takes at once, with nothing of another writer in
	// it (PIPE_BUF, pipe(7)).
	pipeUnit = 4096
)

// A place is a descriptor that output is written to.
type place struct {
	fd     int
	unit   int      // lines are gathered into writes of that size at most; 0: into any
	turn   lineLock // held for lines
	last   byte     // what was written last
	broken bool     // writing has failed
}

// takeLines keeps together what is written in one put: every line that fits into
// what a pipe takes at once, whatever else writes there, and longer ones if all the
// others are iomux, too.
func (p *place) takeLines() {
	switch fileType(p.fd) {
	case unix.S_IFIFO:
		p.unit = pipeUnit
		p.turn.kind = lockPipe
	case unix.S_IFREG:
		p.turn.kind = lockFile
	}
}

// put writes the parts, each with a write of its own.
func (p *place) put(parts ...[]byte) error {
	p.turn.take(p.fd)
	defer p.turn.leave()
	for _, b := range parts {
		if len(b) == 0 {
			continue
		}
		if err := writeAll(p.fd, b); err != nil {
			return err
		}
		p.last = b[len(b)-1]
	}
	return nil
}

// move makes everything go to another descriptor from now on.
func (p *place) move(fd int) {
	p.fd = fd
	p.turn.forget()
}

func fileType(fd int) uint32 {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0
	}
	return uint32(st.Mode) & unix.S_IFMT
}

// gathered is what waits to be written. It knows where it must be cut for writes
// of a certain size that end where a line does.
type gathered struct {
	bytes []byte
	cuts  []int // where all parts but the first begin
}

func (g *gathered) empty() bool { return len(g.bytes) == 0 }

func (g *gathered) full() bool { return len(g.bytes) >= maxGathered }

// add appends p. If unit is not 0 and p fits into it, p is not cut.
func (g *gathered) add(p []byte, unit int) {
	begin := 0
	if n := len(g.cuts); n > 0 {
		begin = g.cuts[n-1]
	}
	if unit > 0 && len(g.bytes) > begin && len(g.bytes)-begin+len(p) > unit {
		g.cuts = append(g.cuts, len(g.bytes))
	}
	g.bytes = append(g.bytes, p...)
}

func (g *gathered) parts() [][]byte {
	parts := make([][]byte, 0, len(g.cuts)+1)
	begin := 0
	for _, end := range g.cuts {
		parts = append(parts, g.bytes[begin:end])
		begin = end
	}
	return append(parts, g.bytes[begin:])
}

func (g *gathered) clear() { g.bytes, g.cuts = g.bytes[:0], g.cuts[:0] }
