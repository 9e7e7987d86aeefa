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

// spoolBlock is how much is gathered before it is stored, and how much memory a
// blockStore allocates at a time.
const spoolBlock = 64 << 10

// spool is a sink that keeps everything until it is known whether to print it:
// in memory, and from when that gets too much in a file without a name.
//
// A record is the stream, the length as a varint, and the text.
type spool struct {
	out    *streams
	limit  int    // of size
	size   int    // of what is in memory
	buf    []byte // the last records
	memory store  // those before them, nil if there are none
	file   *fileStore
	open   bool // nothing is kept any more: it goes to out
}

// A store keeps records.
type store interface {
	// append stores the parts one after the other, or if that fails none.
	append(parts ...[]byte) error
	reader() io.Reader
	close()
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

// record keeps a record, after those that are stored.
func (s *spool) record(head, p []byte) error {
	size := len(head) + len(p)
	if s.file == nil && s.size+size > s.limit {
		var err error
		if s.file, err = newFile(); err != nil {
			return err
		}
	}
	if len(s.buf)+size > spoolBlock {
		if err := s.store(s.buf); err != nil {
			return err
		}
		s.buf = s.buf[:0]
	}
	if size > spoolBlock {
		return s.store(head, p)
	}
	s.buf = append(append(s.buf, head...), p...)
	s.size += size
	return nil
}

func (s *spool) store(parts ...[]byte) error {
	if s.file != nil {
		return s.file.append(parts...)
	}
	if s.memory == nil {
		s.memory = newMemory()
	}
	return s.memory.append(parts...)
}

// A fileStore is a file that has no name.
type fileStore struct {
	*os.File
	size int64
}

func newFile() (*fileStore, error) {
	f, err := os.CreateTemp("", "iomux-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return &fileStore{File: f}, nil
}

func (f *fileStore) append(parts ...[]byte) error {
	end := f.size
	for _, p := range parts {
		if _, err := f.WriteAt(p, end); err != nil {
			return err
		}
		end += int64(len(p))
	}
	f.size = end
	return nil
}

func (f *fileStore) reader() io.Reader { return io.NewSectionReader(f, 0, f.size) }

func (f *fileStore) close() { f.Close() } // it is for nobody any more

// A blockStore is memory of the program. One slice would be copied as it grows.
type blockStore struct{ blocks [][]byte }

func (s *blockStore) append(parts ...[]byte) error {
	for _, p := range parts {
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
	return nil
}

func (s *blockStore) reader() io.Reader {
	var from []io.Reader
	for _, b := range s.blocks {
		from = append(from, bytes.NewReader(b))
	}
	return io.MultiReader(from...)
}

func (s *blockStore) close() { s.blocks = nil }

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
	if s.memory != nil {
		from = append(from, s.memory.reader())
	}
	if s.file != nil {
		from = append(from, s.file.reader())
	}
	from = append(from, bytes.NewReader(s.buf))
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
	if s.memory != nil {
		s.memory.close()
	}
	if s.file != nil {
		s.file.close()
	}
	s.buf, s.memory, s.file = nil, nil, nil
}
