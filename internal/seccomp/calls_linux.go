//go:build !386 && !arm && !mips && !mipsle

package seccomp

import "golang.org/x/sys/unix"

// fcntlCalls are the numbers of fcntl(2).
var fcntlCalls = []uintptr{unix.SYS_FCNTL}
