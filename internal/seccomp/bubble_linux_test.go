//go:build go1.25

package seccomp_test

import (
	"testing"
	"testing/synctest"
)

// In a bubble no thread is kept: nobody outside could use it, and none of it may be
// left when the bubble ends.
func TestStarterInBubble(t *testing.T) {
	p := starters(t)
	synctest.Test(t, func(t *testing.T) {
		for range 3 {
			wantStatus(t, p)
			wantIdle(t, p, 0)
		}
	})
	wantStatus(t, p)
	wantStatus(t, p)
	wantIdle(t, p, 1)
	synctest.Test(t, func(t *testing.T) {
		wantStatus(t, p)
		wantIdle(t, p, 1)
	})
}
