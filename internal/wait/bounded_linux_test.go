package wait_test

import (
	"testing"

	"github.com/seed-5082a588/iomux/internal/wait"
)

// A call that does not return keeps neither the others from being made nor the
// caller.
func TestBounded(t *testing.T) {
	watch(t)
	if !wait.Bounded() {
		t.Error("no calls have not returned")
	}
	n := 0
	if !wait.Bounded(func() { n++ }, func() { n++ }) || n != 2 {
		t.Errorf("%d of 2 calls were made", n)
	}
	release, stuck := make(chan struct{}), make(chan struct{}, 2)
	made := make(chan int, 2)
	block := func() { <-release; stuck <- struct{}{} }
	if wait.Bounded(block, func() { made <- 1 }, block, func() { made <- 2 }) {
		t.Error("returned true while two calls were blocked")
	}
	if sum := <-made + <-made; sum != 3 {
		t.Errorf("the calls made sum up to %d", sum)
	}
	close(release)
	<-stuck
	<-stuck
}
