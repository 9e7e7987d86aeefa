//go:build linux || (unix && experimental_unix)

package iomux

import "time"

// lookAgainAfter is how long a reader sleeps at most while there is something
// that no event tells: a sender that could not be watched may have been closed,
// the memory of large messages may have become idle, or the source of messages
// could not be watched.
const lookAgainAfter = 50 * time.Millisecond

// An alarm wakes a reader after that time. The zero value is one that is not
// set.
type alarm struct{ timer *time.Timer }

// set sets it anew. p must be the same each time.
func (a *alarm) set(p *poller) {
	if a.timer == nil {
		a.timer = time.AfterFunc(lookAgainAfter, p.wake)
	} else {
		a.timer.Reset(lookAgainAfter)
	}
}

func (a *alarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}
