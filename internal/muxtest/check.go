//go:build linux || (unix && experimental_unix)

package muxtest

import (
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"
)

// TimeLimit is longer than any test takes.
func TimeLimit() time.Duration { return time.Duration(Rounds(1)) * 2 * time.Minute }

// Watch ends the program and prints all stacks if the test is not over in time:
// nothing here may block for ever.
func Watch(t testing.TB) {
	t.Helper()
	limit := TimeLimit()
	timer := time.AfterFunc(limit, func() {
		fmt.Fprintf(os.Stderr, "%s: not over after %v\n", t.Name(), limit)
		pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
		os.Exit(2)
	})
	t.Cleanup(func() { timer.Stop() })
}

// LeakCheck fails the test if it leaves a goroutine or a descriptor behind. Call
// it before anything that Cleanup is to close.
func LeakCheck(t testing.TB) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), OpenFiles()
	t.Cleanup(func() {
		AwaitGoroutines(goroutines)
		await(func() bool { return len(OpenFiles()) <= len(files) }) // what is closed in the background
		if n := runtime.NumGoroutine(); n > goroutines {
			t.Errorf("%d goroutines, there were %d", n, goroutines)
			pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		}
		if now := OpenFiles(); len(now) > len(files) {
			t.Errorf("%d descriptors, there were %d: %v, were %v", len(now), len(files), now, files)
		}
	})
}

// AwaitGoroutines allows goroutines that have returned their result some time to
// end, until there are at most so many.
func AwaitGoroutines(most int) {
	await(func() bool { return runtime.NumGoroutine() <= most })
}

// await returns when ok gives true, or after a second.
func await(ok func() bool) {
	for range 200 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// OpenFiles returns what the descriptors of this process lead to, where the
// system tells it.
func OpenFiles() (names []string) {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if name, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			names = append(names, e.Name()+"="+name)
		}
	}
	return names
}

// Names returns the names in a directory.
func Names(dir string) (names []string) {
	for _, e := range Must(os.ReadDir(dir)) {
		names = append(names, e.Name())
	}
	return names
}
