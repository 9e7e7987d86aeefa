//go:build linux || (unix && experimental_unix)

package iomux

import (
	"time"
)

// Rows returns how many senders a Mux remembers.
func (m *Mux) Rows() int {
	if d, ok := m.t.(*datagrams); ok {
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.table.rows)
	}
	return m.t.backlog() // of pipes
}

// Unwatched returns how many open senders have no event for their end.
func (m *Mux) Unwatched() int {
	d := m.t.(*datagrams)
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.unwatched)
}

// Backlog tells how many pieces can have been written and not yet read.
func (m *Mux) Backlog() int { return m.backlog() }

// Tick waits until what is looked after from time to time is due.
func Tick() { time.Sleep(checkAgainAfter + time.Millisecond) }

// StartAuto is the start function that nil stands for.
var StartAuto = startAuto

// CheckUnwatched does what a reader that sleeps does after so long a time.
func (m *Mux) CheckUnwatched() {
	d := m.t.(*datagrams)
	d.checkAt = time.Now()
	d.checkUnwatched()
}
