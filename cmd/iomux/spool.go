//go:build linux || (unix && experimental_unix)

package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"os"
)

// spoolMemory is how much a spool keeps in memory, before there is a file. It is
// a variable so that the tests need not write as much.
var spoolMemory = 64 << 20

// spoolBlock is how much of it is allocated at a time, and how much is gathered
// for the file.
const spoolBlock = 64 << 10

// spool is a sink that keeps everything until it is known whether to print it:
// in memory, and when that gets too much in a file without a name.
//
// A record is the stream, the length as a varint, and the text.
type spool struct {
	out    *streams
	limit  int      // of size
	blocks [][]byte // the last records; one slice would be copied as it grows
	size   int      // of what is in the blocks
	file   *os.File // those before them, nil if there are none
	kept   int64    // the length of what is in the file
	open   bool     // nothing is kept any more: it goes to out
}

func newSpool(out *streams) *spool { return &spool{out: out, limit: spoolMemory} }

func (s *spool) write(to stream, p []byte) {
	if s.open {
		s.out.write(to, p)
		return
	}
	var head [1 + binary.MaxVarintLen64]byte
	head[0] = byte(to)
	n := binary.PutUvarint(head[1:], uint64(len(p)))
	s.keep(head[:1+n])
	s.keep(p)
	if s.size > s.limit {
		s.spill()
	}
}

// keep puts a part of a record into the blocks.
func (s *spool) keep(p []byte) {
	s.size += len(p)
	for len(p) > 0 {
		last := len(s.blocks) - 1
		if last < 0 || len(s.blocks[last]) == cap(s.blocks[last]) {
			s.blocks = append(s.blocks, make([]byte, 0, spoolBlock))
			last++
		}
		b := s.blocks[last]
		n := min(cap(b)-len(b), len(p))
		s.blocks[last] = append(b, p[:n]...)
		p = p[n:]
	}
}

func (s *spool) flush() {
	if s.open {
		s.out.flush()
	}
}

// spill puts the blocks into the file. If that fails, it is better to print all
// that there is than to lose it.
func (s *spool) spill() {
	if err := s.writeFile(); err != nil {
		s.out.complain("output cannot be kept, here it comes: %v", err)
		s.replay(func() bool { return false })
		return
	}
	s.kept += int64(s.size)
	s.limit = spoolBlock
	s.blocks, s.size = [][]byte{s.blocks[0][:0]}, 0
}

func (s *spool) writeFile() error {
	if err := s.makeFile(); err != nil {
		return err
	}
	for _, b := range s.blocks {
		if _, err := s.file.Write(b); err != nil {
			return err
		}
	}
	return nil
}

func (s *spool) makeFile() error {
	if s.file != nil {
		return nil
	}
	f, err := os.CreateTemp("", "iomux-")
	if err != nil {
		return err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return err
	}
	s.file = f
	return nil
}

// replay prints what was kept, unless stopped, and from then on keeps nothing.
func (s *spool) replay(stopped func() bool) {
	if s.open {
		return
	}
	s.open = true
	var from []io.Reader
	if s.file != nil {
		from = append(from, io.NewSectionReader(s.file, 0, s.kept))
	}
	for _, b := range s.blocks {
		from = append(from, bytes.NewReader(b))
	}
	r := bufio.NewReaderSize(io.MultiReader(from...), maxGathered)
	for !s.out.closed && !stopped() {
		err := s.replayRecord(r)
		if err == io.EOF {
			break
		}
		if err != nil {
			s.out.fail("read what was kept: %v", err)
			break
		}
	}
	s.drop()
}

// replayRecord prints one record; io.EOF says that there is none.
func (s *spool) replayRecord(r *bufio.Reader) error {
	to, err := r.ReadByte()
	if err != nil {
		return err
	}
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return noEOF(err)
	}
	return noEOF(s.replayText(r, stream(to), int(n)))
}

// replayText prints the text of a record, with one write: it may be a line that
// must stay whole.
func (s *spool) replayText(r *bufio.Reader, to stream, n int) error {
	if n > r.Size() {
		text := make([]byte, n)
		_, err := io.ReadFull(r, text)
		s.out.write(to, text)
		return err
	}
	text, err := r.Peek(n)
	s.out.write(to, text)
	r.Discard(len(text))
	return err
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// drop gives back what was kept.
func (s *spool) drop() {
	s.blocks = nil
	if s.file != nil {
		s.file.Close() // it is for nobody any more
		s.file = nil
	}
}
