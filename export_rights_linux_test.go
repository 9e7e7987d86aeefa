package iomux

import "golang.org/x/sys/unix"

// AcceptDescriptors makes the kernel let descriptors into the queue, as all do
// before 6.16.
func (m *Mux) AcceptDescriptors() {
	unix.SetsockoptInt(m.t.(*datagrams).fd, unix.SOL_SOCKET, unix.SO_PASSRIGHTS, 1)
}

// RefusesDescriptors tells whether the kernel lets none in.
func (m *Mux) RefusesDescriptors() bool {
	d, ok := m.t.(*datagrams)
	if !ok {
		return false
	}
	on, err := unix.GetsockoptInt(d.fd, unix.SOL_SOCKET, unix.SO_PASSRIGHTS)
	return err == nil && on == 0
}
