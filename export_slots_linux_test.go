//go:build !test_portable

package iomux

import "time"

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

// ToldRuntime reports whether the runtime was told of the last receive.
func (m *Mux) ToldRuntime() bool { return m.t.(*datagrams).batch.told }

// TellAfter has the runtime told of a receive that comes so long after another.
func (m *Mux) TellAfter(d time.Duration) { m.t.(*datagrams).batch.idle = d }

// SkipFills counts as many fills as a queue could need that is never seen empty.
func (m *Mux) SkipFills() {
	d := m.t.(*datagrams)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fills += longestQueue
}
