//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A cpioWriter writes an archive as Linux unpacks it at its start: the format
// "newc" of Documentation/driver-api/early-userspace/buffer-format.rst.
type cpioWriter struct {
	w     *bufio.Writer
	inode int
	err   error
}

// An entry is the head of a file in an archive.
type entry struct {
	name  string // without a leading slash
	mode  uint32 // as in stat(2)
	major uint32 // of a device
	minor uint32
}

// These are of stat(2), whatever system this runs on.
const (
	modeChar = 0o020000
	modeDir  = 0o040000
	modeFile = 0o100000
)

// add adds a file.
func (c *cpioWriter) add(e entry, data []byte) {
	c.inode++
	const noTime, root, links, noDevice, noSum = 0, 0, 1, 0, 0
	c.printf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		c.inode, e.mode, root, root, links, noTime, len(data),
		noDevice, noDevice, e.major, e.minor, len(e.name)+1, noSum)
	const head = 110
	c.printf("%s\x00%s", e.name, padding(head+len(e.name)+1))
	c.printf("%s%s", data, padding(len(data)))
}

// padding is what n bytes lack of a multiple of four.
func padding(n int) string { return "\x00\x00\x00"[:-n&3] }

func (c *cpioWriter) printf(format string, args ...any) {
	if c.err == nil {
		_, c.err = fmt.Fprintf(c.w, format, args...)
	}
}

// close ends the archive.
func (c *cpioWriter) close() error {
	c.add(entry{name: "TRAILER!!!"}, nil)
	if c.err != nil {
		return c.err
	}
	return c.w.Flush()
}

// writeTree writes an archive of all that is under root, and of the console,
// without which the kernel's first process has no output.
func writeTree(w io.Writer, root string) error {
	c := &cpioWriter{w: bufio.NewWriter(w)}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		mode := uint32(info.Mode().Perm())
		if e.IsDir() {
			c.add(entry{name: rel, mode: modeDir | mode}, nil)
			return c.err
		}
		data, err := os.ReadFile(path)
		c.add(entry{name: rel, mode: modeFile | mode}, data)
		return err
	})
	if err != nil {
		return err
	}
	c.add(entry{name: "dev/console", mode: modeChar | 0o600, major: 5, minor: 1}, nil)
	return c.close()
}
