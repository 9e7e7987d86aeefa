//go:build unix && !linux && experimental_unix

package main

import (
	"errors"

	"github.com/seed-5082a588/iomux"
)

var newPipe = func() (*iomux.Mux, error) {
	return nil, errors.New("ordered pipes exist on Linux only")
}
