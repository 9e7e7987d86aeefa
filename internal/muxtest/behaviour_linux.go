package muxtest

import (
	"crypto/rand"

	"golang.org/x/sys/unix"
)

// How the sockets of this system behave where systems differ (gVisor is one that
// does), found out without the library.
var (
	PeersOnly      bool // only its peer can send to a connected socket
	OverheadCounts bool // the longest write is shorter than the send buffer
)

func init() {
	receiver, to := NamedSocket()
	sender, at := NamedSocket()
	stranger, _ := NamedSocket()
	defer unix.Close(sender)
	defer unix.Close(stranger)
	if err := unix.Connect(sender, to); err != nil {
		panic(err)
	}
	PeersOnly = unix.Sendto(stranger, []byte{0}, unix.MSG_DONTWAIT, at) == unix.EPERM
	size := Must(unix.GetsockoptInt(sender, unix.SOL_SOCKET, unix.SO_SNDBUF))
	OverheadCounts = unix.Sendto(sender, make([]byte, size-31), unix.MSG_DONTWAIT, nil) == unix.EMSGSIZE
	unix.Close(receiver)
	RefusedWrite = unix.Sendto(sender, []byte{0}, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, nil)
}

// NamedSocket makes a datagram socket with an address.
func NamedSocket() (int, unix.Sockaddr) {
	fd := Must(unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0))
	address := &unix.SockaddrUnix{Name: "\x00" + rand.Text()}
	if err := unix.Bind(fd, address); err != nil {
		panic(err)
	}
	return fd, address
}
