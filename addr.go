//go:build linux || (unix && experimental_unix)

package iomux

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// sockaddrs holds what x/sys needs for a call with an address. With one of its own, each
// sender would take a third more memory (410 instead of 300 bytes).
var sockaddrs = sync.Pool{New: func() any { return new(unix.SockaddrUnix) }}

// withAddr calls call with the address that has this name. call must not keep it.
func withAddr(name string, call func(*unix.SockaddrUnix) error) error {
	addr := sockaddrs.Get().(*unix.SockaddrUnix)
	defer sockaddrs.Put(addr)
	*addr = unix.SockaddrUnix{Name: name} // and nothing left of a longer one
	return call(addr)
}

func bindSocket(fd int, name string) error {
	err := withAddr(name, func(addr *unix.SockaddrUnix) error { return unix.Bind(fd, addr) })
	return os.NewSyscallError("bind", err)
}

func connectSocket(fd int, name string) error {
	return os.NewSyscallError("connect", connectTo(fd, name))
}

// connectTo returns the bare errno.
func connectTo(fd int, name string) error {
	return withAddr(name, func(addr *unix.SockaddrUnix) error { return unix.Connect(fd, addr) })
}

// unused reports whether no socket has this address any more. Connecting to a
// sender fails with ECONNREFUSED then, and with EPERM while it is open, for it is
// connected to another (on gVisor it succeeds, and the probe must be a new one
// next time, being connected to the sender).
func unused(probe int, addr string) bool {
	err := connectTo(probe, addr)
	if err == nil {
		if fd, err := probeSocket(); err == nil {
			replaceFD(probe, fd)
			unix.Close(fd)
		}
	}
	return err == unix.ECONNREFUSED
}

func closeFD(fd int) { unix.Close(fd) }
