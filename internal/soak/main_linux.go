// Command soak uses Muxes of every kind for a long time, all at once and in
// every way, checks every byte that comes out of them, and watches what the
// process takes meanwhile. It fails if a byte is wrong, or if something grows.
//
//	go run ./internal/soak -for 10m -docs docs
//
// What is sampled: the resident memory, the address space, the open
// descriptors, the goroutines and the Go heap, in the middle of each wave of
// load and at rest after it. At rest nothing but one Mux of each kind is open,
// which is used in all waves; all other Muxes live in one wave only. What counts
// is the median at rest of the last quarter of the time beside that of the
// second.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func main() {
	if os.Getenv(childEnv) != "" {
		os.Exit(child(os.Args[1:]))
	}
	length := flag.Duration("for", time.Minute, "how long")
	docs := flag.String("docs", "", "directory to write soak.svg to")
	csv := flag.String("csv", "", "file to write the samples to")
	flag.Parse()
	if err := soak(*length, *docs, *csv); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func soak(length time.Duration, docs, csv string) error {
	r, err := run(length)
	if err != nil {
		return err
	}
	if csv != "" {
		if err := os.WriteFile(csv, r.csv(), 0o666); err != nil {
			return err
		}
	}
	if docs != "" {
		if err := os.WriteFile(filepath.Join(docs, "soak.svg"), r.plot(), 0o666); err != nil {
			return err
		}
	}
	os.Stdout.Write(r.table())
	return r.grown()
}

// waveLength is how long the load goes on until the next rest.
func waveLength(length time.Duration) time.Duration {
	return min(max(length/200, 100*time.Millisecond), 2*time.Second)
}

// waveLimit is more than any wave takes.
const waveLimit = 5 * time.Minute

// run lets the load go on for that long.
func run(length time.Duration) (*result, error) {
	dir, err := os.MkdirTemp("", "soak-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	l, err := newLoad(dir)
	if err != nil {
		return nil, err
	}
	defer l.close()
	r := &result{start: time.Now(), length: length, load: l}
	for time.Since(r.start) < length {
		stuck := time.AfterFunc(waveLimit, func() { panic("a wave does not end") })
		done := make(chan error, 1)
		go func() { done <- l.wave(waveLength(length)) }()
		time.Sleep(waveLength(length) / 2) // in the midst of it
		r.sample(true)
		if err := <-done; err != nil {
			return nil, err
		}
		stuck.Stop()
		if err := l.atRest(); err != nil {
			return nil, err
		}
		r.sample(false)
	}
	return r, nil
}
