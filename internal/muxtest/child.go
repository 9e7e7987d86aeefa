//go:build linux || (unix && experimental_unix)

package muxtest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// Start starts cmd, which is killed at the end of the test if it still runs. The
// function that it returns waits for it.
func Start(t testing.TB, cmd *exec.Cmd) (wait func() error) {
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

// Hold gives cmd a standard input that has neither data nor an end until release
// is called.
func Hold(t testing.TB, cmd *exec.Cmd) (release func()) {
	t.Helper()
	r, w := Must2(os.Pipe())
	cmd.Stdin = r
	release = sync.OnceFunc(func() { w.Close() })
	t.Cleanup(func() { r.Close(); release() })
	return release
}

// StartReady starts cmd and waits until it has written what says that it is
// ready. It skips the test if cmd writes "unlimited" instead.
func StartReady(t testing.TB, cmd *exec.Cmd, ready string) (stdin io.Closer, wait func() error) {
	t.Helper()
	stdin = Must(cmd.StdinPipe())
	stdout := Must(cmd.StdoutPipe())
	cmd.Stderr = os.Stderr
	wait = Start(t, cmd)
	t.Cleanup(func() { stdin.Close() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if line == "unlimited\n" {
		t.Skip("the system has no limit for descriptors in flight")
	}
	if line != ready {
		t.Fatalf("got %q, %v, want %q", line, err, ready)
	}
	return stdin, wait
}

// RunCheck runs a child that checks something by itself, and fails the test with
// what it says.
func RunCheck(t testing.TB, name string, args ...string) {
	t.Helper()
	out, err := Child(name, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
}

// CheckFailed prints what is wrong in a child that checks something, and returns
// its exit code.
func CheckFailed(format string, args ...any) int {
	fmt.Printf(format+"\n", args...)
	return 1
}

// InitPoller has Go's poller make its descriptors: without them it gives up the
// whole program.
func InitPoller() {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	r.SetDeadline(time.Unix(1, 0))
	r.Close()
	w.Close()
}

// InBackground runs f in a goroutine of its own, and sends its result.
func InBackground[T any](f func() T) <-chan T {
	result := make(chan T, 1)
	go func() { result <- f() }()
	return result
}

// Must is for what a test needs and does not test.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Must2 is Must for two values.
func Must2[A, B any](a A, b B, err error) (A, B) {
	if err != nil {
		panic(err)
	}
	return a, b
}
