//go:build !test_portable

package iomux

// NewSingle is New that receives one message at a time, as where batches are
// not safe.
func NewSingle() (*Mux, error) {
	m, err := New()
	if err == nil {
		m.t.(*datagrams).batch.single = true
	}
	return m, err
}
