//go:build linux || (unix && experimental_unix)

package main

import (
	"os"
)

// copies are the files that get the output beside the screen.
type copies struct {
	out   *streams // for complaints
	files []*copyFile
	of    [2][]*copyFile // of each stream
}

// A copyFile is one of them.
type copyFile struct {
	file    *os.File
	info    os.FileInfo
	pending []byte
	failed  bool
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
	for _, want := range []struct {
		name string
		of   []stream
	}{
		{o.stdoutFile, []stream{toStdout}},
		{o.stderrFile, []stream{toStderr}},
		{o.combinedFile, []stream{toStdout, toStderr}},
	} {
		if want.name == "" {
			continue
		}
		f, err := c.open(want.name, o.appendFiles)
		if err != nil {
			return nil, err
		}
		for _, s := range want.of {
			c.add(s, f)
		}
	}
	if o.appendFiles {
		return c, nil
	}
	return c, c.truncate()
}

// open opens one file. If it is one that is open already, that is taken: two
// positions in one file would overwrite each other's text.
func (c *copies) open(name string, add bool) (*copyFile, error) {
	flags := os.O_WRONLY | os.O_CREATE
	if add {
		flags |= os.O_APPEND
	}
	f, err := os.OpenFile(name, flags, 0o666)
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
			return other, nil
		}
	}
	cf := &copyFile{file: f, info: info}
	c.files = append(c.files, cf)
	return cf, nil
}

// add has f get the stream, once.
func (c *copies) add(s stream, f *copyFile) {
	for _, other := range c.of[s] {
		if other == f {
			return
		}
	}
	c.of[s] = append(c.of[s], f)
}

func (c *copies) truncate() error {
	for _, f := range c.files {
		if !f.info.Mode().IsRegular() {
			continue
		}
		if err := f.file.Truncate(0); err != nil {
			return err
		}
	}
	return nil
}

func (c *copies) write(s stream, p []byte) {
	for _, f := range c.of[s] {
		f.pending = append(f.pending, p...)
		if len(f.pending) >= maxGathered {
			c.flushFile(f)
		}
	}
}

func (c *copies) flush() {
	for _, f := range c.files {
		c.flushFile(f)
	}
}

// flushFile writes what was gathered. The copy ends at the first error: one with
// a hole in it would be worse.
func (c *copies) flushFile(f *copyFile) {
	if len(f.pending) == 0 {
		return
	}
	if !f.failed {
		if _, err := f.file.Write(f.pending); err != nil {
			f.failed = true
			c.out.fail("%v", err)
		}
	}
	f.pending = f.pending[:0]
}

// close closes the files: some file systems tell only then that they are full.
func (c *copies) close() {
	c.flush()
	for _, f := range c.files {
		if err := f.file.Close(); err != nil && !f.failed {
			c.out.fail("%v", err)
		}
	}
	c.files = nil
}
