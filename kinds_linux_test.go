package iomux_test

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
)

func init() {
	kinds = append(kinds,
		kind{name: "NewAbstract", make: func(testing.TB) (*iomux.Mux, error) { return iomux.NewAbstract() }},
		kind{name: "NewPipe", make: func(testing.TB) (*iomux.Mux, error) { return iomux.NewPipe() }, pipe: true, missing: noPacketMode},
	)
}

// noPacketMode is why there are no pipes in packet mode, which NewPipe needs: on
// gVisor, for one.
var noPacketMode = func() error {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_DIRECT|unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("no pipes in packet mode: %w", err)
	}
	unix.Close(p[0])
	unix.Close(p[1])
	return nil
}()
