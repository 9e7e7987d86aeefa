package wait

import (
	"testing"
	"time"
)

// dueAfter returns how many sleeps go without looking.
func dueAfter(b *backoff) (n int) {
	for !b.due() {
		if n++; n > 2*maxSkip {
			return n
		}
	}
	return n
}

// Looking goes on as long as it soon brings something, and becomes rare when it brings
// nothing, or takes longer than a sleep is worth.
func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		name  string
		found bool
		took  time.Duration
		want  []int // sleeps without looking, after the first, second, … time
	}{
		{"found at once", true, 0, []int{0, 0, 0}},
		{"found soon", true, worthLooking / 2, []int{0, 0, 0}},
		{"found late", true, 2 * worthLooking, []int{0, 0, 0, 0, 1, 3, 7, 15, 31, 63, 63}},
		{"found after others had the processor", true, 2 * longestLook, []int{1, 3, 7, 15, 31, 63, 63}},
		{"in vain", false, longestLook, []int{1, 3, 7, 15, 31, 63, 63}},
	} {
		b := backoff{looks: 1}
		for i, want := range c.want {
			b.looked(c.found, c.took)
			if got := dueAfter(&b); got != want {
				t.Errorf("%s, %d: %d sleeps without looking, want %d", c.name, i, got, want)
			}
		}
		b.looked(true, 0)
		if got := dueAfter(&b); got != 0 {
			t.Errorf("%s, then found: %d sleeps without looking", c.name, got)
		}
	}
}

func TestBackoffWithoutLooks(t *testing.T) {
	if n := dueAfter(new(backoff)); n <= maxSkip {
		t.Errorf("looking after %d sleeps, with no looks", n)
	}
}
