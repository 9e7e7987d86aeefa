//go:build linux || (unix && experimental_unix)

package wait

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// Bounded waits for boundedTicks ticks of boundedTick. A ticker drops ticks, so
	// a time in which the machine did not run this process counts as one tick.
	boundedTicks = 20
	boundedTick  = 5 * time.Millisecond

	// boundedYields is how often Bounded lets others run before it sleeps.
	boundedYields = 3
)

// Bounded makes calls that a child can keep waiting, in other goroutines. It
// returns true when all have returned, or false after some 100 milliseconds; calls
// that have not returned by then continue. No call waits for another for more than
// a few milliseconds.
//
// A process that writes from memory which is not there yet (userfaultfd(2), a page
// that a network file system has to bring) holds the lock of its pipe meanwhile.
// Whoever closes an end of that pipe or asks for its size waits for the lock, and
// no signal ends that (measured on 6.18).
func Bounded(calls ...func()) bool {
	if len(calls) == 0 {
		return true
	}
	var next, returned atomic.Int32
	done := make(chan struct{})
	work := func() {
		for i := next.Add(1); int(i) <= len(calls); i = next.Add(1) {
			calls[i-1]()
			if int(returned.Add(1)) == len(calls) {
				close(done)
			}
		}
	}
	go work()
	// As a rule all is done by then, with neither a timer nor a thread to wake.
	for range boundedYields {
		runtime.Gosched()
		if int(returned.Load()) == len(calls) {
			return true
		}
	}
	ticker := time.NewTicker(boundedTick)
	defer ticker.Stop()
	for ticks := range boundedTicks {
		select {
		case <-done:
			return true
		case <-ticker.C:
		}
		if ticks == 0 { // one of them may take long: a goroutine for each of the others
			for range len(calls) - 1 {
				go work()
			}
		}
	}
	return false
}

// Calls are made by Bounded, and followed by something else. The zero value has none.
type Calls struct {
	running sync.WaitGroup
	late    bool // some had not returned when Make did
}

// Make makes calls by Bounded, and returns what it does. It may be called once.
func (c *Calls) Make(calls ...func()) bool {
	c.running.Add(len(calls))
	for i, call := range calls {
		calls[i] = func() {
			defer c.running.Done()
			call()
		}
	}
	c.late = !Bounded(calls...)
	return !c.late
}

// Then calls f after all calls, in another goroutine if some have not returned. It must be
// called after Make.
func (c *Calls) Then(f func()) {
	if !c.late {
		f()
		return
	}
	go func() {
		c.running.Wait()
		f()
	}()
}
