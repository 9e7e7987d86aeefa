//go:build linux || (unix && experimental_unix)

package muxtest

import (
	"testing"

	"github.com/seed-5082a588/iomux"
)

// A Kind is a way to make a Mux. What holds for one is tested with all.
type Kind struct {
	Name string
	Make func(t testing.TB) (*iomux.Mux, error)
	Pipe bool // its senders are pipes

	Missing error // why this system cannot make it, or nil
}

// Kinds are all kinds. A test package may add its own.
var Kinds = []Kind{
	{Name: "New", Make: func(testing.TB) (*iomux.Mux, error) { return iomux.New() }},
	{Name: "NewIn", Make: func(t testing.TB) (*iomux.Mux, error) { return iomux.NewIn(t.TempDir()) }},
}

// ForKinds runs test as a subtest for each of [Kinds], with a new Mux that is
// closed at the end, under a watchdog, and checks that nothing is left behind.
func ForKinds(t *testing.T, test func(t *testing.T, k Kind, m *iomux.Mux)) {
	for _, k := range Kinds {
		t.Run(k.Name, func(t *testing.T) {
			if k.Missing != nil {
				t.Skip(k.Missing)
			}
			Watch(t)
			LeakCheck(t)
			m, err := k.Make(t)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := m.Close(); err != nil {
					t.Error(err)
				}
			})
			test(t, k, m)
		})
	}
}

// MuxOf makes a Mux of the named kind in a child, which has no testing.TB;
// one of NewIn makes its files under dir.
func MuxOf(kind, dir string) (*iomux.Mux, error) {
	for _, k := range Kinds {
		if k.Name == kind && kind != "NewIn" {
			return k.Make(nil)
		}
	}
	return iomux.NewIn(dir)
}
