//go:build amd64 || arm64

package tty_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
	"github.com/seed-5082a588/iomux/tty"
)

// programs are what the test binary is when it is run with one of these as its
// first argument.
var programs = map[string]func(args []string) int{
	"answers": answers,
	"run":     runUnderTerminal,
	"report":  report,
	"serve":   serve,
	"ask":     ask,
	"storm":   stormChild,
	"fuzz":    fuzzChild,
	"starve":  starve,
}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if program, ok := programs[os.Args[1]]; ok {
			os.Exit(program(os.Args[2:]))
		}
	}
	// Else each program sleeps for a second at its end, with -race.
	os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	os.Exit(m.Run())
}

// child is one of programs, to be run.
func child(name string, args ...string) *exec.Cmd {
	return exec.Command(must(os.Executable()), append([]string{name}, args...)...)
}

func sh(script string, args ...string) *exec.Cmd {
	return exec.Command("sh", append([]string{"-c", script, "sh"}, args...)...)
}

// watch ends the program with all stacks if the test is not over in time:
// nothing here may block for ever.
func watch(t testing.TB) {
	t.Helper()
	limit := muxtest.TimeLimit()
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

// kinds are the transports whose senders are made to be terminals.
var kinds = map[string]func() (*iomux.Mux, error){"sockets": iomux.New, "pipes": iomux.NewPipe}

// forKinds runs the test for each, where there can be a terminal at all.
func forKinds(t *testing.T, test func(t *testing.T, m *iomux.Mux)) {
	for name, make := range kinds {
		t.Run(name, func(t *testing.T) {
			watch(t)
			m, err := make()
			if err != nil {
				t.Skip(err)
			}
			defer m.Close()
			test(t, m)
		})
	}
}

// result is what a command left: what it wrote to each stream and to both, and
// the error of Wait.
type result struct {
	stdout, stderr, both string
	err                  error
}

// run runs the command on the terminal and reads all that it writes.
func run(t testing.TB, m *iomux.Mux, term tty.Terminal, cmd *exec.Cmd) result {
	t.Helper()
	start(t, m, term, cmd)
	var stdout, stderr, both strings.Builder
	for d, err := range m.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		both.Write(d.Data)
		if d.Tag == iomux.Stdout {
			stdout.Write(d.Data)
		} else {
			stderr.Write(d.Data)
		}
	}
	return result{stdout.String(), stderr.String(), both.String(), cmd.Wait()}
}

// start starts the command on the terminal, with senders as its output.
func start(t testing.TB, m *iomux.Mux, term tty.Terminal, cmd *exec.Cmd) {
	t.Helper()
	if err := tryStart(m, term, cmd); errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
}

func tryStart(m *iomux.Mux, term tty.Terminal, cmd *exec.Cmd) error {
	stdout := must(m.MakeTaggedSender(iomux.Stdout))
	defer stdout.Close()
	stderr := must(m.MakeTaggedSender(iomux.Stderr))
	defer stderr.Close()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return term.Start(cmd)
}

// eventually waits until ok, for what the kernel does in its own time.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		runtime.Gosched()
	}
}

// helpers are the helper processes that a process has started.
func helpers(of int) (pids []int) {
	for _, dir := range must(filepath.Glob("/proc/[0-9]*")) {
		stat, err := os.ReadFile(dir + "/stat")
		if err != nil {
			continue // gone
		}
		var state string
		var parent int
		_, rest, _ := strings.Cut(string(stat), "(iomux-tty) ")
		if fmt.Sscan(rest, &state, &parent); parent == of {
			pids = append(pids, must(strconv.Atoi(filepath.Base(dir))))
		}
	}
	return pids
}

// gone reports whether a process has ended, though it may not have been waited for.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}
