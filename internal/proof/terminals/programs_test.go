//go:build linux && (amd64 || arm64)

package terminals_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
	"github.com/seed-5082a588/iomux/tty"
)

const rows, cols = 24, 80

// TestPrograms compares what programs write, in which order, and how they end,
// with what they do on a real terminal.
func TestPrograms(t *testing.T) {
	var ran atomic.Int64
	t.Cleanup(func() { t.Logf("%d programs", ran.Load()) })
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			if p.slow && testing.Short() {
				t.Skip("it takes too long")
			}
			p.look(t)
			t.Parallel()
			muxtest.Watch(t)
			p.prepare(t)
			want := p.onRealTerminal(t)
			ran.Add(1)
			if p.colour && !strings.Contains(want.text, "\x1b[") {
				t.Logf("no colours on a real terminal: %q", want.text)
			}
			for _, k := range muxtest.Kinds {
				if k.Name != "New" && k.Name != "NewPipe" || k.Missing != nil {
					continue
				}
				if why := p.notOn(k); why != "" {
					t.Logf("%s: %s", k.Name, why)
					continue
				}
				if got := p.onTerminal(t, k); got != want {
					t.Errorf("%s: got\n%s\nwant\n%s", k.Name, got, want)
				}
			}
		})
	}
}

// notOn says why the program cannot do on this kind of Mux what it does elsewhere.
func (p *program) notOn(k muxtest.Kind) string {
	if !k.Pipe && strings.Contains(p.run, "/dev/std") && !strings.Contains(p.run, "awk") {
		return "sockets cannot be opened as /dev/stdout or /dev/stderr"
	}
	return ""
}

func (p *program) look(t *testing.T) {
	t.Helper()
	for _, name := range strings.Fields(p.needs) {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(err)
		}
	}
}

// A trace is what a program left: its output in order, and its exit code.
type trace struct {
	text string
	code int
}

func (tr trace) String() string {
	const most = 3000
	return strconv.Quote(tr.text[:min(most, len(tr.text))]) + " (" + strconv.Itoa(len(tr.text)) + " bytes), exit code " + strconv.Itoa(tr.code)
}

// prepare makes the directory that each run of the program gets a copy of.
func (p *program) prepare(t *testing.T) {
	t.Helper()
	p.dir = t.TempDir()
	for name, text := range p.files {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if p.build == "" {
		return
	}
	build := exec.Command("sh", "-c", p.build)
	build.Dir, build.Env = p.dir, environment()
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("%s: %v\n%s", p.build, err, out)
	}
}

// command is the program, ready to be run in a directory of its own.
func (p *program) command(t *testing.T) *exec.Cmd {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "work") // a name that is the same each time
	if out, err := exec.Command("cp", "-a", p.dir, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command("sh", "-c", p.run)
	cmd.Dir, cmd.Env = dir, environment()
	return cmd
}

func environment() []string {
	return append(without(os.Environ(), "NO_COLOR", "COLUMNS", "LINES", "CI", "FORCE_COLOR"),
		"TERM=xterm-256color", "PAGER=cat", "GIT_PAGER=cat", "GREET="+muxtest.Must(os.Executable()),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_COMMITTER_DATE=2020-01-01T00:00:00", "LC_ALL=C.UTF-8")
}

func without(env []string, names ...string) (kept []string) {
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		drop := false
		for _, n := range names {
			drop = drop || n == name
		}
		if !drop {
			kept = append(kept, e)
		}
	}
	return kept
}

// onTerminal runs the program on a terminal of package tty.
func (p *program) onTerminal(t *testing.T, k muxtest.Kind) trace {
	t.Helper()
	m := muxtest.Must(k.Make(t))
	defer m.Close()
	cmd := p.command(t)
	stdout, stderr := muxtest.Must(m.MakeTaggedSender(iomux.Stdout)), muxtest.Must(m.MakeTaggedSender(iomux.Stderr))
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := tty.Terminal{Rows: rows, Cols: cols}.Start(cmd)
	stdout.Close()
	stderr.Close()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for d, err := range m.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		text.Write(d.Data)
	}
	return p.trace(text.String(), cmd)
}

// trace leaves out what differs: what a real terminal makes of the ends of
// lines, and the directory.
func (p *program) trace(text string, cmd *exec.Cmd) trace {
	cmd.Wait()
	text = strings.ReplaceAll(text, "\r", "")
	return trace{strings.ReplaceAll(text, filepath.Dir(cmd.Dir), ""), cmd.ProcessState.ExitCode()}
}

// onRealTerminal runs the program on a pseudo-terminal.
func (p *program) onRealTerminal(t *testing.T) trace {
	t.Helper()
	keyboard, screen := muxtest.OpenTerminal(t)
	unix.IoctlSetWinsize(int(screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: cols})
	cmd := p.command(t)
	cmd.Stdout, cmd.Stderr = screen, screen
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	screen.Close()
	text, err := io.ReadAll(keyboard)
	if err != nil && !errors.Is(err, unix.EIO) { // what it says when nobody has the other end
		t.Fatal(err)
	}
	return p.trace(string(text), cmd)
}
