package main

import (
	"os"
	"os/signal"
	"testing"
)

// The table of the runtime can be found, also where the test binary is linked
// without symbols. In it is what the scripts with trap ” test.
func TestFirstActions(t *testing.T) {
	c := make(chan os.Signal, 1)
	defer signal.Stop(c)
	table := firstActions(c)
	if table == nil {
		t.Fatal("the table of the Go runtime cannot be found: did it change?")
	}
	for _, sig := range restorable {
		if table[sig] > actionIgnore {
			t.Errorf("signal %d: handler %#x", sig, table[sig])
		}
	}
}
