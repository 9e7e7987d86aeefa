//go:build go1.25

package iomux_test

import (
	"testing"
	"testing/synctest"

	"github.com/seed-5082a588/iomux"
)

// large is a message after which a Mux has its reader woken some time later.
var large = make([]byte, 5000)

// A Mux may be made in a bubble of testing/synctest, and dropped: nothing of it is
// touched from outside in a way that ends the program.
func TestDroppedInBubble(t *testing.T) {
	watch(t)
	before := len(openFiles())
	synctest.Test(t, func(t *testing.T) {
		m := must(iomux.New())
		f := must(m.MakeSender())
		must(f.Write(large))
		must(m.Read())
		wantNothing(t, m)
		f.Close()
	})
	wantCleanedUp(t, before)
}

// A Mux that was used in a bubble may be used outside.
func TestUsedInBubble(t *testing.T) {
	watch(t)
	m := must(iomux.New())
	defer m.Close()
	f := newSender(t, m, "")
	use := func() {
		must(f.Write(large))
		must(m.Read())
		wantNothing(t, m)
	}
	synctest.Test(t, func(*testing.T) { use() })
	iomux.Tick()
	use()
}
