//go:build linux || (unix && experimental_unix)

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
)

// programs are what the test binary is when it is run under these names.
var programs = map[string]func(args []string) int{
	"iomux": iomuxMain,
	"iomux-without-pipes": func(args []string) int {
		newPipe = func() (*iomux.Mux, error) { return nil, errors.New("iomux: make Mux: none today") }
		return iomuxMain(args)
	},
	"iomux-small": func(args []string) int {
		spoolMemory = 10_000
		return iomuxMain(args)
	},
	"catcher": catcher,
}

// catcher says that it is ready, and ends by the first signal that comes. It
// says which, in a file if one is given.
func catcher(args []string) int {
	c := make(chan os.Signal, 1)
	signal.Notify(c)
	signal.Reset(unix.SIGURG, unix.SIGPIPE) // the runtime's own, and that of a closed output
	fmt.Println("ready", os.Getpid())
	name := unix.SignalName((<-c).(syscall.Signal)) + "\n"
	if len(args) > 0 {
		if err := os.WriteFile(args[0], []byte(name), 0o666); err != nil {
			return 1
		}
		return 5
	}
	os.Stdout.WriteString(name)
	return 5
}

// bin is a directory with the test binary under all these names.
var bin string

func TestMain(m *testing.M) {
	if program, ok := programs[filepath.Base(os.Args[0])]; ok {
		os.Exit(program(os.Args[1:]))
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "iomux-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	self := must(os.Executable())
	for name := range programs {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	bin = dir
	// Under nohup, or in the background of a script, the commands would inherit
	// that these are ignored.
	for _, sig := range []os.Signal{unix.SIGHUP, unix.SIGINT} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
	// Else each program sleeps for a second at its end, with -race.
	os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	os.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	return m.Run()
}

// command is one of programs, to be run.
func command(name string, args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(bin, name), args...)
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

// must is for what a test needs and does not test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
