//go:build linux || (unix && experimental_unix)

package main

import "golang.org/x/sys/unix"

// A lockKind is how a place can be locked.
type lockKind int

const (
	noLock lockKind = iota
	lockPipe
	lockFile
)

// A lineLock keeps the others of its kind from writing to the same pipe or file,
// however they have got it. It is a lock of a byte far behind any end, of a
// description of its own (fcntl_locking(2), open file description locks): those of
// descriptors that were inherited from one shell would be one lock, and flock(2)
// would wait for ever for a script that has locked its log in this way. Where it
// cannot be had, lines that are longer than a pipe takes at once may be torn.
type lineLock struct {
	kind   lockKind
	fd     int // the description
	opened bool
	held   bool
}

func (l *lineLock) take(of int) {
	if l.kind == noLock {
		return
	}
	if !l.opened {
		l.fd = reopen(of)
		l.opened = true
		if l.fd < 0 {
			l.kind = noLock
			return
		}
	}
	if err := lock(l.fd, l.kind); err != nil {
		l.kind = noLock
		return
	}
	l.held = true
}

func (l *lineLock) leave() {
	if l.held {
		unlock(l.fd, l.kind)
		l.held = false
	}
}

// forget gives the description back; the next take makes another.
func (l *lineLock) forget() {
	if l.opened && l.fd >= 0 {
		unix.Close(l.fd)
	}
	l.opened = false
}
