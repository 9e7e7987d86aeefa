package muxtest

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
)

func init() {
	Kinds = append(Kinds,
		Kind{Name: "NewAbstract", Make: func(testing.TB) (*iomux.Mux, error) { return iomux.NewAbstract() }},
		Kind{Name: "NewPipe", Make: func(testing.TB) (*iomux.Mux, error) { return iomux.NewPipe() }, Pipe: true, Missing: NoPacketMode},
	)
}

// NoPacketMode is why there are no pipes in packet mode, which NewPipe needs, or
// nil. gVisor has none.
var NoPacketMode = func() error {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_DIRECT|unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("no pipes in packet mode: %w", err)
	}
	unix.Close(p[0])
	unix.Close(p[1])
	return nil
}()

// NeedPipes skips a test where NewPipe cannot work.
func NeedPipes(t testing.TB) {
	t.Helper()
	if NoPacketMode != nil {
		t.Skip(NoPacketMode)
	}
}

// NewPipeMux makes a Mux of pipes that is closed at the end of the test, under a
// watchdog, and checks that nothing is left behind.
func NewPipeMux(t testing.TB) *iomux.Mux {
	t.Helper()
	NeedPipes(t)
	Watch(t)
	LeakCheck(t)
	m, err := iomux.NewPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}
