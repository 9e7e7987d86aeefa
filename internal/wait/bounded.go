//go:build linux || (unix && experimental_unix)

package wait

import "time"

const (
	// boundedTicks times boundedTick is how long Bounded waits. It is counted in
	// ticks, so that a time in which the machine ran none of this process counts
	// but once.
	boundedTicks = 20
	boundedTick  = 5 * time.Millisecond
)

// Bounded makes calls that a child can keep waiting, each in a goroutine of its own.
// It returns true when all have returned, or false after some 100 milliseconds: those
// that have not go on.
//
// A process that writes from memory which is not there yet (userfaultfd(2), a page
// that a network file system has to bring) holds the lock of its pipe meanwhile.
// Whoever closes an end of that pipe or asks for its size waits for the lock, and
// no signal ends that (measured on 6.18).
func Bounded(calls ...func()) bool {
	if len(calls) == 0 {
		return true
	}
	done := make(chan struct{}, len(calls))
	for _, call := range calls {
		go func() {
			call()
			done <- struct{}{}
		}()
	}
	ticker := time.NewTicker(boundedTick)
	defer ticker.Stop()
	for left, ticks := len(calls), 0; ticks < boundedTicks; {
		select {
		case <-done:
			if left--; left == 0 {
				return true
			}
		case <-ticker.C:
			ticks++
		}
	}
	return false
}
