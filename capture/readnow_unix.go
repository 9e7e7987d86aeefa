//go:build unix && (!linux || capture_fallback)

package capture

import (
	"io"
	"os"
	"syscall"
)

// readNow reads what is there, without waiting for more. The error is
// [os.ErrDeadlineExceeded] if that is nothing yet.
func readNow(f *os.File, buf []byte) (n int, err error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	var errno error
	err = conn.Read(func(fd uintptr) bool {
		for {
			n, errno = syscall.Read(int(fd), buf) // the pipe is nonblocking
			if errno != syscall.EINTR {
				return true
			}
		}
	})
	switch {
	case err != nil:
		return 0, err
	case errno == syscall.EAGAIN:
		return 0, os.ErrDeadlineExceeded
	case errno != nil:
		return 0, os.NewSyscallError("read", errno)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}
