package main

import (
	"os"
	"os/signal"
	"sync"
	"testing"
)

// The table of the runtime can be found, also where the test binary is linked
// without symbols. In it is what the scripts with trap ” test.
func TestFirstActions(t *testing.T) {
	table := changedOnce()
	if table == nil {
		t.Fatal("the table of the Go runtime cannot be found nearby: did it change?")
	}
	for _, sig := range restorable {
		if table[sig] > actionIgnore {
			t.Errorf("signal %d: handler %#x", sig, table[sig])
		}
	}
}

// changedOnce is what can be seen only the first time that the signals are asked for.
var changedOnce = sync.OnceValue(func() []uintptr {
	c := make(chan os.Signal, 1)
	defer signal.Stop(c)
	table, _ := changed(nearby, markers, c)
	return table
})
