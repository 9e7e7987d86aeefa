//go:build linux || (unix && experimental_unix)

package iomux_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux"
)

// children are what the test binary does instead of the tests when it is run
// again as a child; each gets the arguments that follow its name and gives its
// exit code.
var children = map[string]func(args []string) int{}

const childEnv = "IOMUX_TEST_CHILD"

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		child, ok := children[name]
		if !ok {
			fmt.Fprintf(os.Stderr, "no child %q\n", name)
			os.Exit(125)
		}
		os.Unsetenv(childEnv) // its own children are programs
		os.Exit(child(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// childCommand is the test binary, to be run as one of children.
func childCommand(name string, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self, args...)
	// A child under the race detector would sleep a second at its end.
	gorace := "GORACE=atexit_sleep_ms=0 " + os.Getenv("GORACE")
	cmd.Env = append(os.Environ(), childEnv+"="+name, gorace)
	return cmd
}

// A kind is a way to make a Mux. What is true of one is tested with all.
type kind struct {
	name string
	make func(t testing.TB) (*iomux.Mux, error)
	pipe bool // its senders are pipes
}

var kinds = []kind{
	{name: "New", make: func(testing.TB) (*iomux.Mux, error) { return iomux.New() }},
	{name: "NewIn", make: func(t testing.TB) (*iomux.Mux, error) { return iomux.NewIn(t.TempDir()) }},
}

// forKinds runs test with a new Mux of each kind, which is closed at the end,
// and looks that nothing is left behind.
func forKinds(t *testing.T, test func(t *testing.T, k kind, m *iomux.Mux)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			watch(t)
			leakCheck(t)
			m, err := k.make(t)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := m.Close(); err != nil {
					t.Error(err)
				}
			})
			test(t, k, m)
		})
	}
}

// watch ends the program with all stacks if the test is not over in time:
// nothing here may block for ever.
func watch(t testing.TB) {
	t.Helper()
	const limit = 2 * time.Minute
	timer := time.AfterFunc(limit, func() {
		fmt.Fprintf(os.Stderr, "%s: not over after %v\n", t.Name(), limit)
		pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
		os.Exit(2)
	})
	t.Cleanup(func() { timer.Stop() })
}

// leakCheck fails the test if it leaves a goroutine or a descriptor behind. Call
// it before anything that Cleanup is to close.
func leakCheck(t testing.TB) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles()
	t.Cleanup(func() {
		// What ends by itself, a goroutine that has just given its result,
		// gets some time.
		for range 200 {
			if runtime.NumGoroutine() <= goroutines {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		if n := runtime.NumGoroutine(); n > goroutines {
			t.Errorf("%d goroutines, there were %d", n, goroutines)
			pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		}
		if now := openFiles(); len(now) > len(files) {
			t.Errorf("%d descriptors, there were %d: %v, were %v", len(now), len(files), now, files)
		}
	})
}

// openFiles gives what the descriptors of this process lead to, where the system
// tells it.
func openFiles() (names []string) {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if name, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			names = append(names, e.Name()+"="+name)
		}
	}
	return names
}

// must is for what a test needs and does not test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
