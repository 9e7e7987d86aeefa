package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A metric is what is sampled, and how much it may differ between the second
// and the last quarter: so much of it, and so much besides.
type metric struct {
	name, unit  string
	part, fixed float64
	early       bool // is judged after a short run, too
}

var metrics = []metric{
	{name: "Resident memory", unit: "MiB", part: 0.10, fixed: 8},
	{name: "Address space", unit: "MiB", part: 0.05, fixed: 64},
	{name: "Descriptors", fixed: 0, early: true},
	{name: "Goroutines", fixed: 0, early: true},
	{name: "Go heap", unit: "MiB", part: 0.10, fixed: 1},
}

// memoryTime is how long it takes at least until the memory of a process that
// has just begun says something.
const memoryTime = time.Minute

// A sample has a value for each metric.
type sample struct {
	at     time.Duration
	busy   bool
	values []float64
}

// A result is what was sampled in a run.
type result struct {
	start   time.Time
	length  time.Duration
	load    *load
	samples []sample
}

func (r *result) sample(busy bool) {
	if !busy {
		r.settle()
		runtime.GC()
	}
	r.samples = append(r.samples, sample{time.Since(r.start), busy, measure()})
}

// settle gives goroutines that are at their end time to get there.
func (r *result) settle() {
	first := slices.IndexFunc(r.samples, func(s sample) bool { return !s.busy })
	for range 200 {
		if first >= 0 && float64(runtime.NumGoroutine()) <= r.samples[first].values[3] {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func measure() []float64 {
	const mib = 1 << 20
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	var pages [2]float64 // all, resident: proc_pid_statm(5)
	text, _ := os.ReadFile("/proc/self/statm")
	for i, field := range strings.Fields(string(text))[:2] {
		n, _ := strconv.Atoi(field)
		pages[i] = float64(n) * float64(os.Getpagesize()) / mib
	}
	fds, _ := os.ReadDir("/proc/self/fd")
	return []float64{pages[1], pages[0], float64(len(fds) - 1), float64(runtime.NumGoroutine()), float64(mem.HeapAlloc) / mib}
}

// series gives the values of a metric, under load or at rest.
func (r *result) series(i int, busy bool) (at, values []float64) {
	for _, s := range r.samples {
		if s.busy == busy {
			at = append(at, s.at.Minutes())
			values = append(values, s.values[i])
		}
	}
	return at, values
}

// quarters gives the medians at rest of the second and of the last quarter.
func (r *result) quarters(i int) (second, last float64) {
	_, v := r.series(i, false)
	n := len(v)
	return median(v[n/4 : max(n/2, n/4+1)]), median(v[n*3/4:])
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// grown gives an error for each metric that has grown.
func (r *result) grown() error {
	var errs []error
	for i, m := range metrics {
		second, last := r.quarters(i)
		if (m.early || r.length >= memoryTime) && last > second*(1+m.part)+m.fixed {
			errs = append(errs, fmt.Errorf("%s: %.1f in the second quarter, %.1f in the last", m.title(), second, last))
		}
	}
	return errors.Join(errs...)
}

func (m metric) title() string {
	if m.unit == "" {
		return m.name
	}
	return m.name + ", " + m.unit
}

func (m metric) allowed() string {
	if m.part == 0 {
		return fmt.Sprintf("+%.0f", m.fixed)
	}
	return fmt.Sprintf("+%.0f %% and %.0f %s", 100*m.part, m.fixed, m.unit)
}

// table says what was done, and the medians.
func (r *result) table() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\n| at rest, median | second quarter | last quarter | allowed |\n|---|--:|--:|---|\n", r.done())
	for i, m := range metrics {
		second, last := r.quarters(i)
		allowed := m.allowed()
		if !m.early && r.length < memoryTime {
			allowed = "not judged in so short a time"
		}
		fmt.Fprintf(&b, "| %s | %.1f | %.1f | %s |\n", m.title(), second, last, allowed)
	}
	return b.Bytes()
}

// done says in one line what was done.
func (r *result) done() string {
	l := r.load
	return fmt.Sprintf("%v: %d Muxes, %d senders, %d child processes, %d pieces, %.1f GiB, %d reads canceled",
		r.length, l.muxes.Load(), l.senders.Load(), l.children.Load(), l.pieces.Load(), float64(l.bytes.Load())/(1<<30), l.cancels.Load())
}

func (r *result) csv() []byte {
	var b bytes.Buffer
	b.WriteString("seconds,busy")
	for _, m := range metrics {
		b.WriteString("," + strings.Replace(m.title(), ", ", " ", 1))
	}
	b.WriteByte('\n')
	for _, s := range r.samples {
		fmt.Fprintf(&b, "%.3f,%v", s.at.Seconds(), s.busy)
		for _, v := range s.values {
			fmt.Fprintf(&b, ",%.2f", v)
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}
