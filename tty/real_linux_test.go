//go:build amd64 || arm64

package tty_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
	"github.com/seed-5082a588/iomux/tty"
)

func resize(t testing.TB, terminal *os.File, rows, cols uint16) {
	t.Helper()
	conn := must(terminal.SyscallConn())
	var err error
	conn.Control(func(fd uintptr) {
		err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: cols})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The size is that of the real terminal at the moment, its modes are seen and
// set, and when it is closed Rows and Cols count.
func TestReal(t *testing.T) {
	if err := exec.Command("stty", "--version").Run(); err != nil {
		t.Skip("it needs the stty of GNU")
	}
	forKinds(t, func(t *testing.T, m *iomux.Mux) {
		_, screen := muxtest.OpenTerminal(t)
		resize(t, screen, 11, 22)
		stdin, keys, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer stdin.Close()
		defer keys.Close()
		cmd := sh(`while read x; do stty $x <&2; stty size <&1; stty -a <&2 | grep -o -e '-*echo ' -e '-*icanon'; done`)
		cmd.Stdin = stdin
		start(t, m, tty.Terminal{Rows: 5, Cols: 6, Real: screen}, cmd)
		step := func(stty, want string) {
			t.Helper()
			must(keys.WriteString(stty + "\n"))
			got := ""
			for len(got) < len(want) {
				d := must(m.ReadContext(t.Context()))
				got += string(d.Data)
			}
			if got != want {
				t.Errorf("after %q: got %q, want %q", stty, got, want)
			}
		}
		step("sane", "11 22\nicanon\necho \n")
		resize(t, screen, 33, 44)
		step("-icanon", "33 44\n-icanon\necho \n")
		if lflag := modes(t, screen).Lflag; lflag&unix.ICANON != 0 || lflag&unix.ECHO == 0 {
			t.Errorf("lflag of the real terminal is %o", lflag)
		}
		step("rows 9", "9 44\n-icanon\necho \n")
		screen.Close()
		step("-echo", "5 6\nicanon\n-echo \n")
		keys.Close()
		for _, err := range m.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
		}
		cmd.Wait()
	})
}

func modes(t testing.TB, terminal *os.File) (m *unix.Termios) {
	t.Helper()
	conn := must(terminal.SyscallConn())
	conn.Control(func(fd uintptr) { m = must(unix.IoctlGetTermios(int(fd), unix.TCGETS)) })
	return m
}

// A command in a process group of its own gets SIGWINCH from this process.
func TestResizePassedOn(t *testing.T) {
	forKinds(t, func(t *testing.T, m *iomux.Mux) {
		_, screen := muxtest.OpenTerminal(t)
		resize(t, screen, 11, 22)
		cmd := sh(`trap 'stty size <&1; exit' WINCH; echo ready; while :; do sleep 0.01; done`)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		start(t, m, tty.Terminal{Real: screen}, cmd)
		var got strings.Builder
		for d, err := range m.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got.Write(d.Data)
			if got.String() == "ready\n" {
				resize(t, screen, 33, 44)
				unix.Kill(os.Getpid(), unix.SIGWINCH)
			}
		}
		if want := "ready\n33 44\n"; got.String() != want {
			t.Errorf("got %q, want %q", got.String(), want)
		}
		cmd.Wait()
	})
}
