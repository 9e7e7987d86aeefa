//go:build linux || (unix && experimental_unix)

package main

import (
	"os"
	"sync"
)

// A copyWanted is a file that the options ask for.
type copyWanted struct {
	name   string
	of     [2]bool // these streams
	add    bool    // to what is in it
	format string  // "" for the bytes as they come, else annotate, json or plain
}

// copies are the files that get the output in addition to the screen.
type copies struct {
	out   *streams // for complaints
	list  []output
	files []*copyFile

	mu sync.Mutex // guards what reopen uses: files, and file and place of each
}

// An output is what is written to a file. Two of them can have one file.
type output struct {
	copyWanted
	file *copyFile
}

// A copyFile is a sink.
type copyFile struct {
	copies  *copies
	file    *os.File
	info    os.FileInfo
	keep    bool // what was in it
	place   place
	pending gathered
}

// openCopies opens the files that the options ask for. None is changed if one
// cannot be opened.
func openCopies(o *options, out *streams) (_ *copies, err error) {
	c := &copies{out: out}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	for _, want := range o.copies {
		want.add = want.add || o.appendFiles
		f, err := c.open(want)
		if err != nil {
			return nil, err
		}
		c.add(output{want, f})
	}
	return c, c.truncate()
}

// open opens one file. If the file is open already, it uses that one, so that its
// text is in order.
func (c *copies) open(want copyWanted) (*copyFile, error) {
	f, err := openCopy(want.name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	for _, other := range c.files {
		if os.SameFile(info, other.info) {
			f.Close()
			other.keep = other.keep && want.add
			return other, nil
		}
	}
	cf := &copyFile{copies: c, file: f, info: info, keep: want.add, place: place{fd: int(f.Fd())}}
	c.files = append(c.files, cf)
	return cf, nil
}

// openCopy opens a file so that nothing that others write there is lost, and no hole
// appears when somebody empties it.
func openCopy(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
}

// add adds an output. The bytes of a stream go to a file once.
func (c *copies) add(o output) {
	for i := range c.list {
		other := &c.list[i]
		if o.format == "" && other.format == "" && o.file == other.file {
			for s, wanted := range o.of {
				other.of[s] = other.of[s] || wanted
			}
			return
		}
	}
	c.list = append(c.list, o)
}

func (c *copies) truncate() error {
	for _, f := range c.files {
		if f.keep || !f.info.Mode().IsRegular() {
			continue
		}
		if err := f.file.Truncate(0); err != nil {
			return err
		}
	}
	return nil
}

func (f *copyFile) write(_ stream, p []byte) {
	if len(p) >= maxGathered {
		f.flush()
		f.put(p)
		return
	}
	f.pending.add(p, f.place.unit)
	if f.pending.full() {
		f.flush()
	}
}

func (f *copyFile) flush() {
	if !f.pending.empty() {
		f.put(f.pending.parts()...)
		f.pending.clear()
	}
}

// put writes to the file. The copy ends at the first error, because a copy with a
// hole would be worse.
func (f *copyFile) put(parts ...[]byte) {
	f.copies.mu.Lock()
	defer f.copies.mu.Unlock()
	if f.place.broken {
		return
	}
	if err := f.place.put(parts...); err != nil {
		f.place.broken = true
		f.copies.out.fail("write %s: %v", f.file.Name(), err)
	}
}

// reopen opens the files by their names again, as after a rotation of logs. It
// may be called at any time by anyone.
func (c *copies) reopen() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.files {
		if !f.info.Mode().IsRegular() {
			continue
		}
		again, err := openCopy(f.file.Name())
		if err != nil { // the old one still takes it
			writeAll(2, []byte("iomux: "+err.Error()+"\n"))
			continue
		}
		f.file.Close()
		f.file = again
		f.place.move(int(again.Fd()))
	}
}

// close closes the files: some file systems report only then that they are full.
func (c *copies) close() {
	for _, f := range c.files {
		f.flush()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.files {
		if err := f.file.Close(); err != nil && !f.place.broken {
			c.out.fail("%v", err)
		}
	}
	c.files = nil
}
