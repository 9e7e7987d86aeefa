package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func init() { programs["counter"] = counter }

// counter says which signals come, and ends by SIGUSR1.
func counter([]string) int {
	c := make(chan os.Signal, 16)
	signal.Notify(c, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2)
	fmt.Printf("ready %d %d\n", os.Getpid(), os.Getppid())
	for sig := range c {
		fmt.Println(unix.SignalName(sig.(syscall.Signal)))
		if sig == unix.SIGUSR1 {
			return 5
		}
	}
	return 1
}

// Signals of the terminal reach the command once; those sent to iomux alone are
// passed on, also in the foreground.
func TestTerminalSignals(t *testing.T) {
	// Without noflsh a key that sends a signal also drops what was just printed.
	shell := exec.Command("sh", "-c", `stty noflsh; trap : INT QUIT; iomux counter; echo "[$?]"; read x`)
	s := startOnTerminal(t, shell, nil)
	m := s.await(`ready (\d+) (\d+)\r\n`)
	iomux := must(strconv.Atoi(m[2]))
	want := ""
	for range 2 {
		s.press("\x1c")
		s.await(`SIGQUIT\r\n$`)
		settled(s, iomux)
		s.press("\x03")
		s.await(`SIGINT\r\n$`)
		settled(s, iomux)
		unix.Kill(iomux, unix.SIGINT)
		s.await(`SIGINT\r\n$`)
		unix.Kill(iomux, unix.SIGQUIT)
		s.await(`SIGQUIT\r\n$`)
		unix.Kill(iomux, unix.SIGTERM)
		s.await(`SIGTERM\r\n$`)
		want += "SIGQUIT SIGUSR2 SIGINT SIGUSR2 SIGINT SIGQUIT SIGTERM "
	}
	unix.Kill(iomux, unix.SIGUSR1)
	got := strings.NewReplacer("^\\", "", "^C", "", "\n", " ").Replace(s.end(5))
	_, got, _ = strings.Cut(got, m[2]+" ")
	if want += "SIGUSR1 "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Two keys pressed at once: each reaches the command once.
func TestTerminalSignalsTogether(t *testing.T) {
	// Without noflsh a key that sends a signal also drops what was just printed.
	shell := exec.Command("sh", "-c", `stty noflsh; trap : INT QUIT; iomux counter; echo "[$?]"; read x`)
	s := startOnTerminal(t, shell, nil)
	m := s.await(`ready (\d+) (\d+)\r\n`)
	iomux := must(strconv.Atoi(m[2]))
	const rounds = 5
	for range rounds {
		s.press("\x1c\x03")
		s.await(`(SIGINT\r\n.*SIGQUIT|SIGQUIT\r\n.*SIGINT)\r\n$`)
		settled(s, iomux)
	}
	unix.Kill(iomux, unix.SIGUSR1)
	got := s.end(5)
	for _, name := range []string{"SIGINT", "SIGQUIT"} {
		if n := strings.Count(got, name); n != rounds {
			t.Errorf("%s came %d times, want %d: %q", name, n, rounds, got)
		}
	}
}

// settled waits until iomux has dealt with the signal before: of those that wait it takes
// the lowest first, and SIGUSR2 to it alone is passed on.
func settled(s *session, iomux int) {
	unix.Kill(iomux, unix.SIGUSR2)
	s.await(`SIGUSR2\r\n$`)
}

// A loop in a shell ends by Ctrl-C, in a script and at the prompt.
func TestTerminalLoop(t *testing.T) {
	for _, shell := range []string{"sh", "bash", "dash", "zsh"} {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				t.Skip(err)
			}
			const loop = `for i in 1 2 3; do iomux sh -c 'echo run $0; exec sleep 100' $i; done; echo "ended with $?"`
			outer := exec.Command("sh", "-c", `trap : INT; "$@"; echo "[$?]"; read x`, "sh", shell, "-c", loop)
			s := startOnTerminal(t, outer, nil)
			s.await("run 1")
			s.press("\x03")
			if got := s.end(130); strings.Contains(got, "run 2") || strings.Contains(got, "ended") {
				t.Errorf("the loop went on: %q", got)
			}
		})
	}
}

// A signal that comes when the command is gone is not caught a second time, so that
// another one ends iomux at once, should printing the rest take too long.
func TestSecondSignal(t *testing.T) {
	watch(t)
	j := &job{cmd: exec.Command("true"), signals: make(chan os.Signal, 2), exited: make(chan struct{}), done: make(chan struct{})}
	j.ctx, j.stop = context.WithCancelCause(context.Background())
	defer close(j.done)
	if err := j.cmd.Run(); err != nil {
		t.Fatal(err)
	}
	close(j.exited)
	// Signals that do nothing when they are not caught. The one of the lower number
	// is taken first.
	signal.Notify(j.signals, unix.SIGCONT, unix.SIGWINCH)
	defer signal.Stop(j.signals)
	runtime.LockOSThread() // a signal to this thread is there when the call returns
	defer runtime.UnlockOSThread()
	j.passOnOne(unix.SIGCONT)
	for _, sig := range []syscall.Signal{unix.SIGCONT, unix.SIGWINCH} {
		if err := unix.Tgkill(os.Getpid(), unix.Gettid(), sig); err != nil {
			t.Fatal(err)
		}
	}
	if sig := <-j.signals; sig != unix.SIGWINCH {
		t.Errorf("%v was caught again", sig)
	}
}
