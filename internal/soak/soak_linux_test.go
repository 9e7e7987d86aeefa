package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(child(os.Args[1:]))
	}
	os.Exit(m.Run())
}

func check(t *testing.T, length time.Duration) *result {
	t.Helper()
	r, err := run(length)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", r.table())
	if err := r.grown(); err != nil {
		t.Error(err)
	}
	return r
}

// TestSoak goes on for the time in the environment variable IOMUX_SOAK.
func TestSoak(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("IOMUX_SOAK"))
	if err != nil {
		t.Skip("set IOMUX_SOAK to a duration, such as 10m, and -timeout to more than that")
	}
	check(t, length)
}

// A second of the same, and what is made of its samples.
func TestShort(t *testing.T) {
	r := check(t, time.Second)
	l := r.load
	for what, n := range map[string]int64{"Muxes": l.muxes.Load(), "senders": l.senders.Load(), "children": l.children.Load(),
		"pieces": l.pieces.Load(), "cancels": l.cancels.Load()} {
		if n == 0 {
			t.Errorf("no %s in all the time", what)
		}
	}
	if lines := bytes.Count(r.csv(), []byte("\n")); lines != len(r.samples)+1 {
		t.Errorf("%d lines of %d samples", lines, len(r.samples))
	}
	for d := xml.NewDecoder(bytes.NewReader(r.plot())); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("the plot: %v", err)
		}
	}
}

// What grows is found, and what only goes up and down is not.
func TestGrown(t *testing.T) {
	flat := func(wave int) []float64 { return []float64{50 + float64(wave%7), 1500, 20, 5, 3} }
	for i, m := range metrics {
		r := &result{length: time.Hour}
		for wave := range 200 {
			v := flat(wave)
			v[i] += float64(wave) * (v[i]*m.part + m.fixed + 1) / 50
			r.samples = append(r.samples, sample{at: time.Duration(wave) * time.Second, values: v})
		}
		if err := r.grown(); err == nil || !strings.Contains(err.Error(), m.name) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s grows: %v", m.name, err)
		}
		for wave := range r.samples {
			r.samples[wave].values = flat(wave)
		}
		if err := r.grown(); err != nil {
			t.Errorf("nothing grows: %v", err)
		}
	}
}

// The reader knows a stream by its number alone, and a byte that is not in place.
func TestStream(t *testing.T) {
	w, r := newStream(1<<20), streamOf(streams.Load(), 1<<20)
	for range 1000 {
		if err := r.check(w.next(), false); err != nil {
			t.Fatal(err)
		}
	}
	lost := w.next()
	if err := r.check(w.next(), false); err == nil {
		t.Errorf("a lost message of %d bytes is not noticed", len(lost))
	}
	w, r = newStream(1<<20), streamOf(streams.Load(), 1<<20)
	if data := w.next(); r.check(append([]byte{data[0] + 1}, data[1:]...), true) == nil {
		t.Error("a wrong byte is not noticed")
	}
}
