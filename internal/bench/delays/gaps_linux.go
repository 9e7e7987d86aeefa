package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/testhook"
)

var gapTimes = []time.Duration{10 * time.Microsecond, 30 * time.Microsecond, 60 * time.Microsecond, 100 * time.Microsecond, 300 * time.Microsecond, time.Millisecond, 10 * time.Millisecond}

const (
	gapTime   = 300 * time.Millisecond // of a run
	gapRounds = 5
	fewest    = 50 // messages of a run
)

func init() {
	roles["gap-reader"] = gapReader
	roles["gap-writer"] = gapWriter
}

// gapWriter writes so many messages, with so many nanoseconds from one to the next.
func gapWriter(args []string) error {
	n, _ := strconv.Atoi(args[0])
	gap, _ := strconv.Atoi(args[1])
	unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	data := make([]byte, 64)
	next := time.Now()
	for range n {
		next = next.Add(time.Duration(gap))
		if d := time.Until(next) - 100*time.Microsecond; d > 0 {
			t := unix.NsecToTimespec(int64(d))
			unix.Nanosleep(&t, nil)
		}
		for time.Now().Before(next) {
		}
		if _, err := unix.Write(1, data); err != nil {
			return err
		}
	}
	return nil
}

// What a reader is to do, and what it says.
type gapRun struct {
	Pipe, Still bool // with ordered pipes; without looking
	N           int
	Gap         time.Duration
	Group       string // the file to move into a group by
}

type gapCost struct {
	PerMessage time.Duration // of processor time
}

// gapReader reads what a writer writes, which it starts, and prints what that cost.
func gapReader(args []string) error {
	var r gapRun
	if err := json.Unmarshal([]byte(args[0]), &r); err != nil {
		return err
	}
	testhook.NeverLook.Store(r.Still)
	newMux := iomux.New
	if r.Pipe {
		newMux = iomux.NewPipe
	}
	m, err := newMux()
	if err != nil {
		return err
	}
	defer m.Close()
	// Most programs have a timer, for which a thread of the runtime sleeps in its poller.
	defer time.AfterFunc(time.Hour, func() {}).Stop()
	s, err := m.MakeSender()
	if err != nil {
		return err
	}
	cmd := self("gap-writer", strconv.Itoa(r.N), strconv.FormatInt(int64(r.Gap), 10))
	cmd.Stdout = s
	if err := cmd.Start(); err != nil {
		return err
	}
	s.Close()
	if r.Group != "" { // not the writer, which is busy
		if err := os.WriteFile(r.Group, []byte(strconv.Itoa(os.Getpid())), 0); err != nil {
			return err
		}
	}
	if _, err := m.Read(); err != nil {
		return err
	}
	var before, after unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &before)
	for range r.N - 1 {
		if _, err := m.Read(); err != nil {
			return err
		}
	}
	unix.Getrusage(unix.RUSAGE_SELF, &after)
	if err := cmd.Wait(); err != nil {
		return err
	}
	used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	return json.NewEncoder(os.Stdout).Encode(gapCost{time.Duration(used / int64(r.N-1))})
}

// run has a reader run.
func (r gapRun) run() (c gapCost, err error) {
	arg, err := json.Marshal(r)
	if err != nil {
		return c, err
	}
	out, err := self("gap-reader", string(arg)).Output()
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(out, &c)
}

// gaps prints what a message costs the reader.
func gaps() error {
	group, err := newHalfGroup()
	defer group.remove()
	fmt.Print("Processor time of the reader for a message of 64 bytes, in microseconds, median of ", rounds(gapRounds), " runs, with looking and without; ")
	if err == nil {
		fmt.Print("and how often it was throttled in a group with half a processor in these runs (nr_throttled):\n\n")
	} else {
		fmt.Printf("not in a group with half a processor: %v:\n\n", err)
	}
	fmt.Print("| gap | New | NewPipe |")
	if err == nil {
		fmt.Print(" New, throttled | NewPipe, throttled |")
	}
	fmt.Print("\n|---|---|---|")
	if err == nil {
		fmt.Print("---|---|")
	}
	fmt.Println()
	for _, gap := range gapTimes {
		row := []string{gap.String()}
		for _, pipe := range []bool{false, true} {
			cell, err := compareGap(gapRun{Pipe: pipe, Gap: gap})
			if err != nil {
				return err
			}
			row = append(row, cell)
		}
		for _, pipe := range []bool{false, true} {
			if group == nil {
				continue
			}
			cell, err := group.compare(gapRun{Pipe: pipe, Gap: gap, Group: group.procs()})
			if err != nil {
				return err
			}
			row = append(row, cell)
		}
		fmt.Printf("| %s |\n", strings.Join(row, " | "))
	}
	return nil
}

// compareGap has runs with looking and without in turn.
func compareGap(r gapRun) (string, error) {
	r.N = max(int(gapTime/r.Gap), fewest)
	var with, without []time.Duration
	for range rounds(gapRounds) {
		for _, still := range []bool{false, true} {
			r.Still = still
			c, err := r.run()
			if err != nil {
				return "", err
			}
			if still {
				without = append(without, c.PerMessage)
			} else {
				with = append(with, c.PerMessage)
			}
		}
	}
	return micros(quantile(with, 0.5)) + " / " + micros(quantile(without, 0.5)), nil
}

// A halfGroup is a control group that may use half a processor.
type halfGroup struct{ dir string }

// newHalfGroup makes one, of version 2 or 1 (cgroups(7)).
func newHalfGroup() (g *halfGroup, err error) {
	for _, kind := range []struct{ parent, file, half string }{
		{"/sys/fs/cgroup", "cpu.max", "50000 100000"},
		{"/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "50000"},
	} {
		g = &halfGroup{dir: filepath.Join(kind.parent, fmt.Sprint("iomux-", os.Getpid()))}
		if err = os.Mkdir(g.dir, 0o755); err != nil {
			continue
		}
		var f *os.File
		if f, err = os.OpenFile(filepath.Join(g.dir, kind.file), os.O_WRONLY, 0); err == nil {
			_, err = f.WriteString(kind.half)
			f.Close()
		}
		if err == nil {
			return g, nil
		}
		g.remove()
	}
	return nil, err
}

func (g *halfGroup) remove() {
	if g != nil {
		os.Remove(g.dir)
	}
}

func (g *halfGroup) procs() string { return filepath.Join(g.dir, "cgroup.procs") }

// throttled returns nr_throttled.
func (g *halfGroup) throttled() int {
	text, _ := os.ReadFile(filepath.Join(g.dir, "cpu.stat"))
	for line := range strings.Lines(string(text)) {
		var n int
		if _, err := fmt.Sscanf(line, "nr_throttled %d", &n); err == nil {
			return n
		}
	}
	return -1
}

// compare returns how often the group was throttled in the runs, with looking and
// without.
func (g *halfGroup) compare(r gapRun) (string, error) {
	r.N = max(int(gapTime/r.Gap), fewest)
	var n [2]int
	for range rounds(gapRounds) {
		for i, still := range []bool{false, true} {
			r.Still = still
			before := g.throttled()
			if _, err := r.run(); err != nil {
				return "", err
			}
			n[i] += g.throttled() - before
		}
	}
	return fmt.Sprintf("%d / %d", n[0], n[1]), nil
}
