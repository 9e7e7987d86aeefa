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
var spoolMemory = 16 << 20

// spoolBlock is how much of it is allocated at a time, and how much is gathered
// for the file.
const spoolBlock = 256 << 10

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
	var buf [1 + binary.MaxVarintLen64]byte
	head := binary.AppendUvarint(append(buf[:0], byte(to)), uint64(len(p)))
	if err := s.record(head, p); err != nil { // better to print all than to lose it
		s.out.complain("output cannot be kept, so it is printed now: %v", err)
		s.replay(func() bool { return false })
		s.out.write(to, p)
	}
}

// record keeps a record: in the blocks if there is room, after what was in them
// is in the file.
func (s *spool) record(head, p []byte) error {
	size := len(head) + len(p)
	if s.size+size > s.limit {
		if err := s.spill(); err != nil {
			return err
		}
		if size > s.limit {
			return s.writeFile(head, p)
		}
	}
	s.keep(head)
	s.keep(p)
	return nil
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

// spill puts the blocks into the file. From then on there is one.
func (s *spool) spill() error {
	if err := s.writeFile(s.blocks...); err != nil {
		return err
	}
	s.limit, s.size = spoolBlock, 0
	if len(s.blocks) > 0 {
		s.blocks = [][]byte{s.blocks[0][:0]}
	}
	return nil
}

func (s *spool) writeFile(parts ...[]byte) error {
	if err := s.makeFile(); err != nil {
		return err
	}
	size := 0
	for _, b := range parts {
		if _, err := s.file.WriteAt(b, s.kept+int64(size)); err != nil {
			return err
		}
		size += len(b)
	}
	s.kept += int64(size)
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

func (s *spool) flush() {
	if s.open {
		s.out.flush()
	}
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
