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

// spoolBuffer is how much it gathers for the file then.
const spoolBuffer = 1 << 20

// spool is a sink that keeps everything until it is known whether to print it:
// in memory, and when that gets too much in a file without a name.
//
// A record is the stream, the length as a varint, and the text.
type spool struct {
	out   *streams
	limit int      // of mem
	mem   []byte   // the last records
	file  *os.File // those before them, nil if there are none
	kept  int64    // the length of what is in the file
	open  bool     // nothing is kept any more: it goes to out
}

func newSpool(out *streams) *spool { return &spool{out: out, limit: spoolMemory} }

func (s *spool) write(to stream, p []byte) {
	if s.open {
		s.out.write(to, p)
		return
	}
	s.mem = append(s.mem, byte(to))
	s.mem = binary.AppendUvarint(s.mem, uint64(len(p)))
	s.mem = append(s.mem, p...)
	if len(s.mem) > s.limit {
		s.spill()
	}
}

func (s *spool) flush() {
	if s.open {
		s.out.flush()
	}
}

// spill puts mem into the file. If that fails, it is better to print all that
// there is than to lose it.
func (s *spool) spill() {
	err := s.makeFile()
	if err == nil {
		_, err = s.file.Write(s.mem)
	}
	if err != nil {
		s.out.complain("output cannot be kept, here it comes: %v", err)
		s.replay(func() bool { return false })
		return
	}
	s.kept += int64(len(s.mem))
	if s.limit > spoolBuffer {
		s.limit, s.mem = spoolBuffer, nil
	}
	s.mem = s.mem[:0]
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
	var from io.Reader = bytes.NewReader(s.mem)
	if s.file != nil {
		from = io.MultiReader(io.NewSectionReader(s.file, 0, s.kept), from)
	}
	r := bufio.NewReaderSize(from, maxGathered)
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
	_, err = io.CopyN(streamWriter{s.out, stream(to)}, r, int64(n))
	return noEOF(err)
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// drop gives back what was kept.
func (s *spool) drop() {
	s.mem = nil
	if s.file != nil {
		s.file.Close() // it is for nobody any more
		s.file = nil
	}
}

// streamWriter is one stream as an io.Writer.
type streamWriter struct {
	out sink
	to  stream
}

func (w streamWriter) Write(p []byte) (int, error) {
	w.out.write(w.to, p)
	return len(p), nil
}
