//go:build linux || (unix && experimental_unix)

package main

import (
	"io"

	"golang.org/x/sys/unix"
)

// writeAll writes p to a descriptor. It is not os.File.Write, for two reasons:
// that ends the program by SIGPIPE when standard output is closed, before the
// command is taken care of, and it fails when somebody who shares the terminal
// has made it nonblocking in the meantime, as Node.js does with its standard
// input.
func writeAll(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := writeNow(fd, p)
		if err != nil {
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

func waitWritable(fd int) error {
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
		if err != unix.EINTR {
			return err
		}
	}
}
