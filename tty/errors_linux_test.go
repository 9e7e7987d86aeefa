//go:build amd64 || arm64

package tty_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux/internal/seccomp"
	"github.com/seed-5082a588/iomux/tty"
)

// Errors of the Cmd are those that exec.Cmd.Start has, and leave nothing.
func TestStartErrors(t *testing.T) {
	watch(t)
	w := openPipe(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	started := exec.Command("true")
	if err := started.Run(); err != nil {
		t.Skip(err)
	}
	for name, cmd := range map[string]*exec.Cmd{
		"not found":  exec.Command("/does/not/exist"),
		"directory":  exec.Command("/"),
		"in no path": exec.Command("does-not-exist-anywhere"),
		"started":    started,
		"context":    exec.CommandContext(ended, "true"),
		"empty":      {},
	} {
		t.Run(name, func(t *testing.T) {
			plain := *cmd
			want := plain.Start()
			cmd.Stdout = w
			if got := (tty.Terminal{}).Start(cmd); got == nil || got.Error() != want.Error() {
				t.Errorf("got %v, want %v", got, want)
			}
			if n := len(helpers(os.Getpid())); n != 0 {
				t.Errorf("%d helpers left", n)
			}
		})
	}
}

func openPipe(t testing.TB) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return w
}

func TestNotAFile(t *testing.T) {
	closed := openPipe(t)
	closed.Close()
	for want, cmd := range map[string]*exec.Cmd{
		"tty: command not started: Stdout of the Cmd is not an *os.File but a *bytes.Buffer": {Path: "/bin/true", Stdout: new(bytes.Buffer)},
		"tty: command not started: Stderr of the Cmd is not an *os.File but a *bytes.Buffer": {Path: "/bin/true", Stderr: new(bytes.Buffer)},
	} {
		if err := (tty.Terminal{}).Start(cmd); err == nil || err.Error() != want || cmd.Process != nil {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	cmd := &exec.Cmd{Path: "/bin/true", Stdout: closed}
	if err := (tty.Terminal{}).Start(cmd); !errors.Is(err, fs.ErrClosed) || cmd.Process != nil {
		t.Errorf("of a closed file: %v", err)
	}
}

// With nothing that could be a terminal, it is a plain start.
func TestNothingToDo(t *testing.T) {
	cmd := exec.Command("true")
	if err := (tty.Terminal{}).Start(cmd); err != nil {
		t.Fatal(err)
	}
	if n := len(helpers(os.Getpid())); n != 0 {
		t.Errorf("%d helpers", n)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// report prints the error of a Start, and what it matches.
func report(args []string) int {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command("echo", "it was started")
	cmd.Stdout, cmd.Stderr = w, w
	err = tty.Terminal{}.Start(cmd)
	w.Close()
	if err == nil {
		io.Copy(os.Stdout, r)
		cmd.Wait()
		return 0
	}
	for name, target := range map[string]error{"unsupported": errors.ErrUnsupported, "EBUSY": unix.EBUSY, "EPERM": unix.EPERM} {
		if errors.Is(err, target) {
			name += " "
			os.Stdout.WriteString(name)
		}
	}
	os.Stdout.WriteString(err.Error() + "\n")
	return 0
}

// under runs a command where the rules hold.
func under(t *testing.T, cmd *exec.Cmd, rules ...seccomp.Rule) string {
	t.Helper()
	watch(t)
	var out strings.Builder
	cmd.Stdout = &out
	cmd.Stderr = &out
	err := seccomp.OnThread(func() error {
		if _, err := seccomp.Install(seccomp.Build(rules...), 0, true); err != nil {
			return err
		}
		return cmd.Start()
	}, nil)
	if err != nil {
		t.Skip(err)
	}
	cmd.Wait()
	return out.String()
}

// What is missing is said in one line, and nothing is started.
func TestMissing(t *testing.T) {
	ioctl := func(request uint32) []seccomp.Match { return []seccomp.Match{{Arg: 1, Values: []uint32{request}}} }
	for name, c := range map[string]struct {
		rule seccomp.Rule
		want []string
	}{
		"gVisor": {seccomp.Rule{Call: unix.SYS_SECCOMP, Action: seccomp.Errno(unix.EINVAL)},
			[]string{"unsupported", "gVisor", "Linux 5.9 or later"}},
		"refused": {seccomp.Rule{Call: unix.SYS_SECCOMP, Action: seccomp.Errno(unix.EPERM)},
			[]string{"EPERM", "refused"}},
		"Linux 5.4": {seccomp.Rule{Call: unix.SYS_IOCTL, Where: ioctl(unix.SECCOMP_IOCTL_NOTIF_SEND), Action: seccomp.Errno(unix.EINVAL)},
			[]string{"unsupported", "Linux 5.9 or later"}},
		"no memory": {seccomp.Rule{Call: unix.SYS_PWRITE64, Action: seccomp.Errno(unix.EPERM)},
			[]string{"helper process: "}},
		"no executable memory": {seccomp.Rule{Call: unix.SYS_MEMFD_CREATE, Action: seccomp.Errno(unix.EACCES)},
			[]string{"helper process: memfd_create: permission denied"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := under(t, child("report"), c.rule)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("got %q, want in it %q", got, want)
				}
			}
			if strings.Count(got, "\n") != 1 || !strings.Contains(got, "tty: command not started: ") {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestNested(t *testing.T) {
	watch(t)
	r := runOnPipe(t, tty.Terminal{}, child("report"))
	if !strings.HasPrefix(r, "EBUSY tty: command not started: ") {
		t.Errorf("got %q", r)
	}
}

// runOnPipe runs a command whose two streams are one pipe.
func runOnPipe(t testing.TB, term tty.Terminal, cmd *exec.Cmd) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w
	err = term.Start(cmd)
	w.Close()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	out.ReadFrom(r)
	cmd.Wait()
	return out.String()
}

// Without /proc, or with that of another PID namespace, nothing is started.
func TestNoProc(t *testing.T) {
	watch(t)
	for name, args := range map[string][]string{
		"none":  {"-m", "sh", "-c", `mount -t tmpfs none /proc && exec "$0" report`},
		"other": {"-pf", "sh", "-c", `exec "$0" report`},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := exec.Command("unshare", append(args, must(os.Executable()))...).CombinedOutput()
			if err != nil {
				t.Skip(err, string(out))
			}
			if want := "unsupported tty: command not started: no /proc, or that of another PID namespace\n"; string(out) != want {
				t.Errorf("got %q, want %q", out, want)
			}
		})
	}
}

// asNobody has cmd, which is one of programs, run as an ordinary user.
func asNobody(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	self := must(os.Open(must(os.Executable()))) // whose directory is not for all to enter
	t.Cleanup(func() { self.Close() })
	cmd.Path, cmd.ExtraFiles = "/proc/self/fd/3", []*os.File{self}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
}

// An ordinary user has terminals too, at the price of no_new_privs. Who keeps
// others from its memory has none, and works on.
func TestOrdinaryUser(t *testing.T) {
	watch(t)
	cmd := child("run", "sh", "-c", `test -t 1 && test -t 2 && grep NoNewPrivs /proc/self/status; /proc/self/fd/3 ask undumpable`)
	asNobody(t, cmd)
	if os.Getuid() != 0 {
		cmd.Args[len(cmd.Args)-1] = strings.ReplaceAll(cmd.Args[len(cmd.Args)-1], "/proc/self/fd/3", must(filepath.Abs(must(os.Executable()))))
	}
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "tty: ") {
		t.Skipf("%s", out)
	}
	if want := "NoNewPrivs:\t1\nno terminal\n"; string(out) != want {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
}
