//go:build linux || (unix && experimental_unix)

package iomux_test

import (
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync"
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
		time.AfterFunc(timeLimit(), func() { os.Exit(124) })
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
	// A child with the race detector in it would sleep for a second at its end.
	cmd.Env = append(os.Environ(), childEnv+"="+name, "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	return cmd
}

// A kind is a way to make a Mux. What is true of one is tested with all.
type kind struct {
	name string
	make func(t testing.TB) (*iomux.Mux, error)
	pipe bool // its senders are pipes

	missing error // why the system cannot make it
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
			if k.missing != nil {
				t.Skip(k.missing)
			}
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

// timeLimit is more than any test takes.
func timeLimit() time.Duration { return time.Duration(rounds(1)) * 2 * time.Minute }

// watch ends the program with all stacks if the test is not over in time:
// nothing here may block for ever.
func watch(t testing.TB) {
	t.Helper()
	limit := timeLimit()
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
		awaitGoroutines(goroutines)
		if n := runtime.NumGoroutine(); n > goroutines {
			t.Errorf("%d goroutines, there were %d", n, goroutines)
			pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		}
		if now := openFiles(); len(now) > len(files) {
			t.Errorf("%d descriptors, there were %d: %v, were %v", len(now), len(files), now, files)
		}
	})
}

// awaitGoroutines gives goroutines that are at their end, having just given their
// result, some time until there are no more than so many.
func awaitGoroutines(most int) {
	for range 200 {
		if runtime.NumGoroutine() <= most {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
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

// rounds is how often to do what is usually done n times: less with -short, more
// with the factor that the environment variable IOMUX_STRESS holds, which may be
// less than 1.
func rounds(n int) int { return max(1, int(math.Ceil(stress()*float64(n)))) }

func stress() float64 {
	if factor, err := strconv.ParseFloat(os.Getenv("IOMUX_STRESS"), 64); err == nil {
		return factor
	}
	if flag.Parsed() && testing.Short() {
		return 0.25
	}
	return 1
}

// newSender makes a sender that is closed at the end of the test.
func newSender(t testing.TB, m *iomux.Mux, tag string) *os.File {
	t.Helper()
	f, err := m.MakeTaggedSender(tag)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// send writes data, which must not need to wait for a reader.
func send(t testing.TB, f *os.File, data string) {
	t.Helper()
	if _, err := f.WriteString(data); err != nil {
		t.Fatalf("write to %.40q: %v", f.Name(), err)
	}
}

// wantRead reads, and wants this.
func wantRead(t testing.TB, m *iomux.Mux, tag, data string) {
	t.Helper()
	d, err := m.Read()
	if err != nil || d.Tag != tag || string(d.Data) != data {
		t.Fatalf("read %.40q %.40q, %v, want %.40q %.40q", d.Tag, d.Data, err, tag, data)
	}
}

// wantTry tries to read, and wants this.
func wantTry(t testing.TB, m *iomux.Mux, tag, data string) {
	t.Helper()
	d, ok, err := m.TryRead()
	if err != nil || !ok || d.Tag != tag || string(d.Data) != data {
		t.Fatalf("tried to read: %.40q %.40q, %v, %v, want %.40q %.40q", d.Tag, d.Data, ok, err, tag, data)
	}
}

// wantNothing wants that there is nothing to read, and not the end either.
func wantNothing(t testing.TB, m *iomux.Mux) {
	t.Helper()
	if d, ok, err := m.TryRead(); ok || err != nil {
		t.Fatalf("tried to read: %.40q %.40q, %v, %v, want nothing", d.Tag, d.Data, ok, err)
	}
}

// wantEnd wants the end of output, now.
func wantEnd(t testing.TB, m *iomux.Mux) {
	t.Helper()
	if d, ok, err := m.TryRead(); ok || err != io.EOF {
		t.Fatalf("tried to read: %.40q %.40q, %v, %v, want io.EOF", d.Tag, d.Data, ok, err)
	}
	waitEnd(t, m)
}

// waitEnd wants the end of output, and nothing before.
func waitEnd(t testing.TB, m *iomux.Mux) {
	t.Helper()
	if d, err := m.Read(); err != io.EOF {
		t.Fatalf("read %.40q %.40q, %v, want io.EOF", d.Tag, d.Data, err)
	}
}

// start starts cmd, which is killed at the end of the test if it still runs. The
// function that it gives waits for it.
func start(t testing.TB, cmd *exec.Cmd) (wait func() error) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait = sync.OnceValue(cmd.Wait)
	t.Cleanup(func() {
		cmd.Process.Kill()
		wait()
	})
	return wait
}

// inBackground runs f, and gives its result.
func inBackground[T any](f func() T) <-chan T {
	result := make(chan T, 1)
	go func() { result <- f() }()
	return result
}

// must is for what a test needs and does not test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
