//go:build linux || (unix && experimental_unix)

// Package muxtest has the tools that all tests of iomux share: the kinds of
// Mux, children that are the test binary run again, checks that nothing is left
// behind, and watchdogs.
package muxtest

import (
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// Children are what the test binary does instead of the tests when [Child] runs
// it. Each gets the arguments that follow its name and returns its exit code.
// Tests register theirs in init functions.
var Children = map[string]func(args []string) int{}

// ChildEnv is the environment variable that names the child to be.
const ChildEnv = "IOMUX_TEST_CHILD"

// Main is the body of TestMain: it runs the tests, or one of [Children].
func Main(m *testing.M) {
	if name := os.Getenv(ChildEnv); name != "" {
		child, ok := Children[name]
		if !ok {
			fmt.Fprintf(os.Stderr, "no child %q\n", name)
			os.Exit(125)
		}
		os.Unsetenv(ChildEnv) // its own children are programs
		time.AfterFunc(TimeLimit(), func() { os.Exit(124) })
		os.Exit(child(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// Child returns the command that runs the test binary as one of [Children].
func Child(name string, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self, args...)
	// A child with the race detector in it would sleep for a second at its end.
	cmd.Env = append(os.Environ(), ChildEnv+"="+name, "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	return cmd
}

// Rounds returns how often to do what is usually done n times: less with -short,
// more with the factor that the environment variable IOMUX_STRESS holds, which
// may be less than 1.
func Rounds(n int) int { return max(1, int(math.Ceil(Stress()*float64(n)))) }

// Stress returns the factor that [Rounds] applies.
func Stress() float64 {
	if factor, err := strconv.ParseFloat(os.Getenv("IOMUX_STRESS"), 64); err == nil {
		return factor
	}
	if flag.Parsed() && testing.Short() {
		return 0.25
	}
	return 1
}
