package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
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
	signal.Notify(c, unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGTERM, unix.SIGUSR1)
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
	shell := exec.Command("sh", "-c", `trap : INT QUIT; iomux counter; echo "[$?]"; read x`)
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
		want += "SIGQUIT SIGHUP SIGINT SIGHUP SIGINT SIGQUIT SIGTERM "
	}
	unix.Kill(iomux, unix.SIGUSR1)
	got := strings.NewReplacer("^\\", "", "^C", "", "\n", " ").Replace(s.end(5))
	_, got, _ = strings.Cut(got, m[2]+" ")
	if want += "SIGUSR1 "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// settled waits until iomux has dealt with the signal before: it deals with one
// after the other, and SIGHUP to it alone is passed on.
func settled(s *session, iomux int) {
	unix.Kill(iomux, unix.SIGHUP)
	s.await(`SIGHUP\r\n$`)
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
