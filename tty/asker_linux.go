//go:build amd64 || arm64

package tty

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// An asker is the thread that asked a question.
type asker struct {
	dir    int // a descriptor of its directory in /proc, whoever has its number now
	memory int // or -1
}

// newAsker returns the asker of q. It fails if there is none any more, or it
// cannot be seen.
func (l *listener) newAsker(q *question) (*asker, bool) {
	dir, err := unix.Open("/proc/"+strconv.FormatUint(uint64(q.tid), 10), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false
	}
	// If the asker still waits, dir is its directory: its number was not reused.
	if !l.waits(q) {
		unix.Close(dir)
		return nil, false
	}
	return &asker{dir, -1}, true
}

func (a *asker) close() {
	if a.memory >= 0 {
		unix.Close(a.memory)
	}
	unix.Close(a.dir)
}

func descriptorPath(fd uint32) string { return "fd/" + strconv.FormatUint(uint64(fd), 10) }

// open opens the memory. It fails where the asker is not this process's to write
// to.
func (a *asker) open() bool {
	fd, err := unix.Openat(a.dir, "mem", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err == nil {
		a.memory = fd
	}
	return err == nil
}

// read fills p from this address. It reports false if there is no such memory.
func (a *asker) read(address uint64, p []byte) bool {
	n, err := unix.Pread(a.memory, p, int64(address))
	return err == nil && n == len(p)
}

func (a *asker) write(address uint64, p []byte) bool {
	n, err := unix.Pwrite(a.memory, p, int64(address))
	return err == nil && n == len(p)
}

// An identity is which pipe or socket a descriptor is of.
type identity struct{ dev, ino uint64 }

func identityOf(s *unix.Stat_t) identity { return identity{uint64(s.Dev), s.Ino} }
