//go:build linux || (unix && experimental_unix)

package main

import (
	"strings"

	"github.com/seed-5082a588/iomux"
)

// newMux makes the Mux that the options ask for. Any program must work under
// the default, which is ordered pipes.
func newMux(o *options, out *streams) (*iomux.Mux, error) {
	if o.socket {
		return iomux.New()
	}
	mux, err := newPipe()
	if err == nil {
		return mux, nil
	}
	mux, sockErr := iomux.New()
	if sockErr != nil {
		return nil, sockErr
	}
	out.complain("using sockets, because ordered pipes are not available: %s", message(err))
	return mux, nil
}

// message is the text of err without the name, which complain prints.
func message(err error) string { return strings.TrimPrefix(err.Error(), "iomux: ") }
