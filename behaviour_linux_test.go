package iomux_test

import (
	"crypto/rand"

	"golang.org/x/sys/unix"
)

// How the sockets of this system behave where systems differ (gVisor is one that
// does), found out without the library.
var (
	peersOnly      bool  // only its peer can send to a connected socket
	overheadCounts bool  // the longest write is shorter than the send buffer
	noDisconnect   error // why a connected socket cannot be disconnected
)

func init() {
	receiver, to := namedSocket()
	sender, at := namedSocket()
	stranger, _ := namedSocket()
	defer unix.Close(sender)
	defer unix.Close(stranger)
	if err := unix.Connect(sender, to); err != nil {
		panic(err)
	}
	peersOnly = unix.Sendto(stranger, []byte{0}, unix.MSG_DONTWAIT, at) == unix.EPERM
	size := must(unix.GetsockoptInt(sender, unix.SOL_SOCKET, unix.SO_SNDBUF))
	overheadCounts = unix.Sendto(sender, make([]byte, size-31), unix.MSG_DONTWAIT, nil) == unix.EMSGSIZE
	unix.Close(receiver)
	refusedWrite = unix.Sendto(sender, []byte{0}, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, nil)
	noDisconnect = disconnect(stranger)
}

// namedSocket makes a datagram socket with an address.
func namedSocket() (int, unix.Sockaddr) {
	fd := must(unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0))
	address := &unix.SockaddrUnix{Name: "\x00" + rand.Text()}
	if err := unix.Bind(fd, address); err != nil {
		panic(err)
	}
	return fd, address
}
