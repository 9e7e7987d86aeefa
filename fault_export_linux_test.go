package iomux

import "time"

// Age has everything that waits for a time be due.
func (m *Mux) Age() {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.t.(*datagrams)
	for _, s := range d.table.rows {
		if s.hangup.armed() {
			s.hangup.at = s.hangup.at.Add(-time.Hour)
		}
	}
	if !d.lookAt.IsZero() {
		d.lookAt = d.lookAt.Add(-time.Hour)
	}
}
