//go:build !test_portable

package iomux

// ShortenSlots makes the slots of a new Mux so short that longer messages are
// cut. It tells whether there are slots.
func (m *Mux) ShortenSlots(length int) bool {
	b := m.t.(*datagrams).batch
	b.choose()
	for i := range b.iovs {
		b.iovs[i].SetLen(length)
	}
	return b.slots != nil
}

// Batches tells whether messages are received in batches.
func (m *Mux) Batches() bool { return m.t.(*datagrams).batch.slots != nil }
