//go:build amd64 || arm64

package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// startTTYSession starts iomux -tty in a session, where there is such a terminal.
func startTTYSession(t *testing.T, args ...string) *session {
	t.Helper()
	if out, err := command("iomux", "-tty", "true").CombinedOutput(); err != nil {
		t.Skipf("%s", out)
	}
	return startSession(t, nil, append([]string{"-color=never", "-tty"}, args...)...)
}

func (s *session) resize(rows, cols uint16) {
	s.t.Helper()
	conn := must(s.keyboard.SyscallConn())
	var err error
	conn.Control(func(fd uintptr) {
		err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: cols})
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// The size is that of the real terminal, and follows it.
func TestTTYSize(t *testing.T) {
	for _, transport := range []string{"-socket=false", "-socket"} {
		s := startTTYSession(t, transport, "sh", "-c", `trap 'stty size <&1; exit 3' WINCH; read x; stty size <&1; while :; do sleep 0.01; done`)
		s.resize(11, 22)
		s.press("\n")
		s.await("11 22\r\n")
		s.resize(33, 44)
		s.await("33 44\r\n")
		s.end(3)
	}
}

// The modes are those of the real terminal.
func TestTTYModes(t *testing.T) {
	for _, transport := range []string{"-socket=false", "-socket"} {
		s := startTTYSession(t, transport, "sh", "-c", `stty -echo <&1; echo set; read x; stty echo <&2; echo "got $x"`)
		s.await("set")
		s.press("hidden\n")
		if got, want := s.end(0), "set\ngot hidden\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A pager works where there are keys to press.
func TestTTYPager(t *testing.T) {
	if _, err := exec.LookPath("less"); err != nil {
		t.Skip(err)
	}
	for _, transport := range []string{"-socket=false", "-socket"} {
		s := startTTYSession(t, transport, "sh", "-c", `seq 1000 | less; exit 7`)
		s.resize(10, 40)
		s.await(`:\x1b\[K`)
		s.press("G")
		s.await("1000")
		s.press("q")
		if got := s.end(7); strings.Contains(got, "\n500\n") {
			t.Errorf("got all of it: %q", got)
		}
	}
}

func init() { programs["suspended"] = suspended }

// suspended asks a thousand times before it stops.
func suspended([]string) int {
	c := make(chan os.Signal, 1)
	signal.Notify(c, unix.SIGTSTP)
	fmt.Println("ready")
	<-c
	for range 1000 {
		if _, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ); err != nil {
			fmt.Println(err)
		}
	}
	stopSelf()
	fmt.Println("goes on")
	return 3
}

// At Ctrl-Z the command may ask before it stops, and goes on when the shell says.
func TestTTYSuspend(t *testing.T) {
	if out, err := command("iomux", "-tty", "true").CombinedOutput(); err != nil {
		t.Skipf("%s", out)
	}
	for _, args := range []string{"suspended", "-socket suspended", "sh -c 'suspended; exit $?'"} {
		t.Run(args, func(t *testing.T) {
			shell := exec.Command("sh", "-c", `set -m; iomux -color=never -tty `+args+`; echo "stopped $?"; fg; echo "[$?]"; read x`)
			s := startOnTerminal(t, shell, nil)
			s.await("ready\r\n")
			s.press("\x1a")
			s.await("stopped 148\r\n(?s:.*)goes on\r\n")
			s.end(3)
		})
	}
}

// Programs that take the whole screen see it and the keys, and leave the modes of
// the terminal as they were.
func TestTTYFullScreen(t *testing.T) {
	for _, p := range []struct{ command, shows, keys string }{
		{"less -f /dev/null", `\(END\)`, "q"},
		{"top", "load average", "q"},
		{"htop", "Load average", "q"},
		{"vi", "~", ":q!\r"},
		{"vim", "~", ":q!\r"},
		{"nano", "GNU nano", "\x18"},
		{"mc -u", "Right", "\x1b0"}, // F10
	} {
		t.Run(p.command, func(t *testing.T) {
			if _, err := exec.LookPath(strings.Fields(p.command)[0]); err != nil {
				t.Skip(err)
			}
			t.Setenv("HOME", t.TempDir())
			const script = `read x; before=$(stty -a </dev/tty)
				"$@" || exit; [ "$before" = "$(stty -a </dev/tty)" ] && echo the same modes`
			s := startTTYSession(t, append([]string{"sh", "-c", script, "sh"}, strings.Fields(p.command)...)...)
			s.resize(24, 80)
			s.press("\n")
			s.await(p.shows)
			s.press(p.keys)
			s.await("the same modes")
			s.end(0)
		})
	}
}
