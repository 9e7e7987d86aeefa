//go:build linux || (unix && experimental_unix)

package iomux

import "time"

// Rows tells how many senders a Mux remembers.
func (m *Mux) Rows() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d, ok := m.t.(*datagrams); ok {
		return len(d.table.rows)
	}
	return m.t.backlog() // of pipes
}

// Suspects tells how many open senders have no event for their end.
func (m *Mux) Suspects() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.t.(*datagrams).suspects)
}

// Backlog tells how many pieces can have been written and not yet read.
func (m *Mux) Backlog() int { return m.backlog() }

// Tick waits until what is looked after from time to time is due.
func Tick() { time.Sleep(lookAgainAfter + time.Millisecond) }
