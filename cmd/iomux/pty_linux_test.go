package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux/internal/muxtest"
)

// A session is a terminal with a shell that runs a command and tells its exit
// code. The shell stays to the end: when the first process of a session ends,
// the kernel may throw away what was not yet read from the terminal.
type session struct {
	t        *testing.T
	cmd      *exec.Cmd
	keyboard *os.File
	seen     []byte
}

func startSession(t *testing.T, env []string, args ...string) *session {
	t.Helper()
	shell := exec.Command("sh", append([]string{"-c", `trap : INT; iomux "$@"; echo "[$?]"; read x`, "sh"}, args...)...)
	return startOnTerminal(t, shell, env)
}

func startOnTerminal(t *testing.T, cmd *exec.Cmd, env []string) *session {
	t.Helper()
	watch(t)
	keyboard, screen := muxtest.OpenTerminal(t)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = screen, screen, screen
	cmd.Env = append(os.Environ(), append([]string{"TERM=xterm", "NO_COLOR="}, env...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	screen.Close()
	return &session{t: t, cmd: cmd, keyboard: keyboard}
}

// await reads until what matches pattern has been seen, and gives its groups.
func (s *session) await(pattern string) []string {
	s.t.Helper()
	want := regexp.MustCompile(pattern)
	buf := make([]byte, 4096)
	for {
		if m := want.FindStringSubmatch(string(s.seen)); m != nil {
			return m
		}
		n, err := s.keyboard.Read(buf)
		s.seen = append(s.seen, buf[:n]...)
		if err != nil {
			s.t.Fatalf("%v, after %q", err, s.seen)
		}
	}
}

func (s *session) press(keys string) { must(s.keyboard.WriteString(keys)) }

// end waits for the end and gives all that was on the screen, with \n for \r\n.
func (s *session) end(code int) string {
	s.t.Helper()
	m := s.await(`(?s)^(.*)\[(\d+)\]\r\n`)
	s.press("\n") // for the shell
	s.cmd.Wait()
	if m[2] != strconv.Itoa(code) {
		s.t.Errorf("exit code %s, want %d", m[2], code)
	}
	return strings.ReplaceAll(m[1], "\r\n", "\n")
}

func TestTerminalColor(t *testing.T) {
	for _, c := range []struct {
		name string
		env  []string
		args []string
		want string
	}{
		{"auto", nil, nil, "out\n\x1b[31merr\n\x1b[0mout2\n"},
		{"no color", []string{"NO_COLOR=1"}, nil, "out\nerr\nout2\n"},
		{"dumb", []string{"TERM=dumb"}, nil, "out\nerr\nout2\n"},
		{"never", nil, []string{"-color=never"}, "out\nerr\nout2\n"},
		{"always", []string{"NO_COLOR=1"}, []string{"-color=always"}, "out\n\x1b[31merr\n\x1b[0mout2\n"},
		{"quiet", nil, []string{"-quiet"}, "out\n\x1b[31merr\n\x1b[0mout2\niomux: exited with status 3\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append(c.args, "--", "sh", "-c", "echo out; echo err >&2; echo out2; exit 3")
			if got := startSession(t, c.env, args...).end(3); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// Ctrl-C reaches the command by itself, once, and iomux prints what that still
// has to say.
func TestTerminalInterrupt(t *testing.T) {
	for _, transport := range []string{"-socket=false", "-socket"} {
		s := startSession(t, nil, transport, "catcher")
		s.await("ready")
		s.press("\x03")
		if got := s.end(5); !strings.Contains(got, "SIGINT") {
			t.Errorf("got %q", got)
		}
	}
}

func TestTerminalInterruptKills(t *testing.T) {
	s := startSession(t, nil, "sh", "-c", "echo err >&2; exec cat")
	s.await("err")
	s.press("\x03")
	if got := s.end(130); !strings.Contains(got, "\x1b[31merr\n\x1b[0m") {
		t.Errorf("got %q", got)
	}
}

// The terminal is not left red by a signal, even when the text ends where no
// code may stand.
func TestTerminalReset(t *testing.T) {
	s := startSession(t, nil, "sh", "-c", `echo "pid $PPID"; printf 'half \303' >&2; exec cat`)
	pid := s.await(`pid (\d+)\r\n\x1b\[31mhalf \x{fffd}`)[1]
	unix.Kill(must(strconv.Atoi(pid)), unix.SIGTERM)
	// The shell may tell then what has ended iomux.
	if got, want := s.end(143), "\x1b[31mhalf \xc3\x1b[0m"; !strings.HasSuffix(strings.TrimSuffix(got, "Terminated\n"), want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A command may read from the terminal.
func TestTerminalInput(t *testing.T) {
	s := startSession(t, nil, "sh", "-c", `printf 'name? ' >&2; read name </dev/tty; echo "hello $name"`)
	s.await(`name\? \x1b\[0m`)
	s.press("you\n")
	s.await("hello you")
	s.end(0)
}

// When its terminal hangs up, the command gets the signal.
func TestTerminalHangup(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	s := startOnTerminal(t, command("iomux", "catcher", log), nil)
	s.await("ready")
	s.keyboard.Close()
	s.cmd.Wait()
	if got := s.cmd.ProcessState.ExitCode(); got != 5 {
		t.Errorf("exit code %d", got)
	}
	if got := must(os.ReadFile(log)); string(got) != "SIGHUP\n" {
		t.Errorf("got %q", got)
	}
}

// A prompt is seen although its line has no end, and what follows it is the rest
// of that line.
func TestTerminalPrompt(t *testing.T) {
	for name, c := range map[string]struct{ flag, prompt, rest string }{
		"annotate": {"-annotate", `O: name\? $`, `O: name\? you\r\nhi you\r\n[0-9:]+ I: Finished`},
		"json":     {"-json", `"text":"name\? ","partial":true}\r\n$`, `you\r\n.*"text":"hi you","partial":true,"last":true}\r\n`},
		"name":     {"-name=web", `\x1b\[\d+mweb \|\x1b\[0m name\? $`, `name\? you\r\nhi you\r\n`},
		"plain":    {"-plain", `name\? $`, `name\? you\r\nhi you\r\n`},
	} {
		t.Run(name, func(t *testing.T) {
			s := startSession(t, nil, c.flag, "sh", "-c", `printf 'name? '; read name; echo "hi $name"`)
			s.await(c.prompt)
			s.press("you\n") // which the terminal shows
			s.await(c.rest)
			s.end(0)
		})
	}
}

// On a terminal -plain is for the files: the screen stays as it is, and so does
// its red.
func TestTerminalPlainFile(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	s := startSession(t, nil, "-plain", "-combined-file="+log, "-log="+log+".json", "-log-format=json",
		"sh", "-c", `printf '\033[32mgreen\033[0m\n 1 %%\r 2 %%\n'; echo err >&2`)
	if got, want := s.end(0), "\x1b[32mgreen\x1b[0m\n 1 %\r 2 %\n\x1b[31merr\n\x1b[0m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := string(must(os.ReadFile(log))), "green\n 2 %\nerr\n"; got != want {
		t.Errorf("in the file: got %q, want %q", got, want)
	}
	if got := string(must(os.ReadFile(log + ".json"))); strings.Contains(got, "u001b") || !strings.Contains(got, `"text":" 2 %"`) {
		t.Errorf("in the log: got %s", got)
	}
}
