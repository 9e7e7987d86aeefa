package wait

import (
	"errors"
	"testing"
	"time"
)

// A refusedStream cannot be armed, as where there is no memory for that.
type refusedStream struct{ times int }

func (s *refusedStream) ready() bool { return false }
func (s *refusedStream) arm() error  { s.times++; return errors.New("refused") }
func (s *refusedStream) disarm()     {}

// However often the reader is woken meanwhile, it is woken once each time to try again.
func TestArmRefused(t *testing.T) {
	w, err := newWaiter[int](0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	s := new(refusedStream)
	w.events, w.stream = w.sleep, s
	park := func() {
		if err := w.Park(); err != nil {
			t.Fatal(err)
		}
	}
	for range 500 {
		w.Wake()
		park()
		w.arm()
	}
	s.times = 0
	const long = 10
	for start := time.Now(); time.Since(start) < long*retryAfter; {
		park()
	}
	if s.times > 2*long {
		t.Errorf("tried %d times in the time for %d", s.times, long)
	}
	if s.times == 0 {
		t.Error("did not try again")
	}
}
