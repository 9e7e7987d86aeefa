package iomux_test

import (
	"testing"

	"github.com/seed-5082a588/iomux"
)

func init() {
	kinds = append(kinds,
		kind{name: "NewAbstract", make: func(testing.TB) (*iomux.Mux, error) { return iomux.NewAbstract() }},
		kind{name: "NewPipe", make: func(testing.TB) (*iomux.Mux, error) { return iomux.NewPipe() }, pipe: true},
	)
}
