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

// TellsRuntime reports whether the runtime is told of the next receive, since
// messages have been long.
func (m *Mux) TellsRuntime() bool { return m.t.(*datagrams).batch.long }

// SkipFills counts as many fills as a queue could need that is never seen empty.
func (m *Mux) SkipFills() {
	d := m.t.(*datagrams)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fills += longestQueue
}
