//go:build !test_portable

package muxtest

import (
	"testing"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/testhook"
)

// Portable reports whether messages are received in the way of other systems.
const Portable = false

func init() {
	Kinds = append(Kinds, Kind{Name: "NewSingle", Make: newSingle})
}

// newSingle is New of a Mux that receives one message at a time, as where
// batches are not safe.
func newSingle(testing.TB) (*iomux.Mux, error) {
	testhook.SingleMessages.Store(true)
	defer testhook.SingleMessages.Store(false)
	return iomux.New()
}
