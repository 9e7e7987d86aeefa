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
		{"found late", true, 2 * worthLooking, []int{0, 0, 0, 0, 2, 6, 14, 30, 60, 60}},
		{"found after others had the processor", true, 2 * longestLook, []int{2, 6, 14, 30, 60, 60}},
		{"in vain", false, longestLook, []int{2, 6, 14, 30, 60, 60}},
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

// A pattern of short sleeps (S), long ones (L) and very long ones (M) that repeats does
// not hide the short ones: looks are not always due at the same place of it.
func TestBackoffPhases(t *testing.T) {
	outcomes := map[rune]struct {
		found bool
		took  time.Duration
	}{'S': {true, 0}, 'L': {true, 2 * worthLooking}, 'M': {false, longestLook}}
	for _, pattern := range []string{"SM", "SSM", "SSSM", "LSSS", "MSSSSSSS"} {
		b := backoff{looks: 1, skip: maxSkip, left: maxSkip, late: lateInARow}
		soon, found := 0, 0
		for range 10_000 {
			for _, sleep := range pattern {
				due := b.due()
				if sleep == 'S' {
					soon++
					if due {
						found++
					}
				}
				if o := outcomes[sleep]; due {
					b.looked(o.found, o.took)
				}
			}
		}
		t.Logf("%s: %d of %d short sleeps were looked for", pattern, found, soon)
		if found < soon/10 {
			t.Errorf("%s: only %d of %d short sleeps were looked for", pattern, found, soon)
		}
	}
}

func TestBackoffWithoutLooks(t *testing.T) {
	if n := dueAfter(new(backoff)); n <= maxSkip {
		t.Errorf("looking after %d sleeps, with no looks", n)
	}
}
