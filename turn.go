//go:build linux || (unix && experimental_unix)

package iomux

import (
	"context"
	"runtime"
	"sync/atomic"
)

// A turn is the right to read from a Mux, which one goroutine has at a time. Unlike
// a mutex it can be waited for with a context.
type turn struct {
	holder  atomic.Int32  // what for somebody has it
	waiting atomic.Int32  // how many wait for it
	free    chan struct{} // holds a token after it was given back while somebody waited
}

// What somebody has the turn for.
const (
	nothing int32 = iota
	reading
	tidying // what takes some system calls, and waits for nobody
)

func newTurn() turn { return turn{free: make(chan struct{}, 1)} }

// try gets the turn if nobody has it.
func (t *turn) try(what int32) bool { return t.holder.CompareAndSwap(nothing, what) }

// tryPast gets the turn for reading if nobody has it, and waits for those who have
// it for what is named.
func (t *turn) tryPast(what int32) bool {
	for !t.try(reading) {
		if t.holder.Load() == reading {
			return false
		}
		runtime.Gosched()
	}
	return true
}

// get waits for the turn, until ctx ends, with its error then.
func (t *turn) get(ctx context.Context) error {
	t.waiting.Add(1)
	defer t.waiting.Add(-1)
	// Whoever gives the turn back after this Add leaves a token.
	for !t.try(reading) {
		select {
		case <-t.free:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// put gives the turn back.
func (t *turn) put() {
	t.holder.Store(nothing)
	if t.waiting.Load() > 0 {
		select {
		case t.free <- struct{}{}:
		default: // there is one already
		}
	}
}
