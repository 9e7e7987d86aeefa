//go:build !test_portable

package iomux_test

import (
	"testing"

	"github.com/seed-5082a588/iomux"
)

// portable tells that messages are received in the way of other systems.
const portable = false

func init() {
	kinds = append(kinds, kind{name: "NewSingle", make: func(testing.TB) (*iomux.Mux, error) { return iomux.NewSingle() }})
}
