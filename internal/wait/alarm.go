package wait

import (
	"sync"
	"time"
)

// An alarm calls a function after a time. The zero value is one that is not set.
type alarm struct {
	mu    sync.Mutex // guards timer
	timer *time.Timer
}

// set sets it anew. f must be the same each time.
func (a *alarm) set(d time.Duration, f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer == nil {
		a.timer = time.AfterFunc(d, f)
	} else {
		a.timer.Reset(d)
	}
}

func (a *alarm) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
	}
}
