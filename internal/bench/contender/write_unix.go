//go:build unix && !linux && experimental_unix

package contender

import "golang.org/x/sys/unix"

func write(fd int, b []byte) (int, error) { return unix.Write(fd, b) }
