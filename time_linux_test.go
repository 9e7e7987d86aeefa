//go:build !test_portable

package iomux_test

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux"
	"golang.org/x/sys/unix"
)

// wantBetween wants a time between two others, by the system's clock.
func wantBetween(t testing.TB, at, after, before time.Time) {
	t.Helper()
	if at = at.Round(0); at.Before(after.Round(0)) || at.After(before.Round(0)) {
		t.Errorf("Time is %v, want one from %v to %v", at, after.Round(0), before.Round(0))
	}
}

func TestTimeAndPID(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		f := newSender(t, m, "x")
		cmd := exec.Command("sh", "-c", "echo $$; sh -c 'echo $$; exit'; echo $$")
		cmd.Stdout = f
		before := time.Now()
		if k.Pipe {
			start(t, cmd)
		} else if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		written := time.Now()
		for i := range 3 {
			d, err := m.Read()
			if err != nil {
				t.Fatal(err)
			}
			pid := must(strconv.Atoi(strings.TrimSpace(string(d.Data))))
			if i != 1 && pid != cmd.Process.Pid || i == 1 && pid == cmd.Process.Pid {
				t.Errorf("line %d comes from %d, the child is %d", i, pid, cmd.Process.Pid)
			}
			if k.Pipe { // knows when it was read, and not by whom it was written
				pid, written = 0, time.Now()
			}
			if d.PID != pid {
				t.Errorf("PID is %d, want %d", d.PID, pid)
			}
			wantBetween(t, d.Time, before, written)
			before = d.Time
		}
		before = time.Now()
		send(t, f, "own")
		d := must(m.Read())
		wantBetween(t, d.Time, before, time.Now())
		if want := os.Getpid(); !k.Pipe && d.PID != want {
			t.Errorf("PID is %d, want this process, %d", d.PID, want)
		}
	})
}

// Of a write that had to wait, the time when it got its place in the queue.
func TestTimeOfWaitingWrite(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		if k.Pipe {
			t.Skip("a pipe does not know when it was written to")
		}
		f, late := newSender(t, m, "x"), newSender(t, m, "late")
		queued := 0
		for ; ; queued++ {
			err := unix.Sendto(int(f.Fd()), []byte("fill"), unix.MSG_DONTWAIT, nil)
			if errors.Is(err, unix.EAGAIN) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		full := time.Now()
		written := inBackground(func() time.Time { late.WriteString("late"); return time.Now() })
		reading := time.Now()
		for range queued {
			wantRead(t, m, "x", "fill")
		}
		d, err := m.Read()
		if err != nil || d.Tag != "late" {
			t.Fatalf("got %q, %v", d.Tag, err)
		}
		wantBetween(t, d.Time, reading, <-written)
		if d.Time.Before(full.Round(0)) {
			t.Error("its time is when the queue was still full")
		}
	})
}
