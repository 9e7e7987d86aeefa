//go:build linux || (unix && experimental_unix)

package main

import (
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// writeAll writes p to a descriptor. It is not os.File.Write, for two reasons:
// that ends the program by SIGPIPE when standard output is closed, before the
// command is taken care of, and it fails when somebody who shares the terminal
// has made it nonblocking in the meantime, as Node.js does with its standard
// input.
func writeAll(fd int, p []byte) error {
	defer blockedSince.Store(0)
	for len(p) > 0 {
		n, err := writeNow(fd, p)
		if err != nil {
			blockedSince.Store(time.Now().UnixNano())
			n, err = unix.Write(fd, p)
		}
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			if err := waitWritable(fd); err != nil {
				return err
			}
		case err != nil:
			return err
		case n == 0:
			return io.ErrShortWrite
		default:
			p = p[n:]
		}
	}
	return nil
}

// blockedSince is when the write began that has not returned, or 0.
var blockedSince atomic.Int64

// blockedFor reports whether a write has waited for a reader that long.
func blockedFor(d time.Duration) bool {
	since := blockedSince.Load()
	return since != 0 && time.Since(time.Unix(0, since)) >= d
}

func waitWritable(fd int) error {
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
		if err != unix.EINTR {
			return err
		}
	}
}
