//go:build amd64 || arm64

package tty_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	before := held()
	err = tty.Terminal{}.Start(cmd)
	if err != nil && !nothingSince(before) {
		fmt.Printf("before %+v, now %+v\n", before, held())
	}
	w.Close()
	if err == nil {
		io.Copy(os.Stdout, r)
		cmd.Wait()
		return 0
	}
	if errors.Is(err, errors.ErrUnsupported) {
		fmt.Print("unsupported ")
	}
	for _, errno := range []unix.Errno{unix.EBUSY, unix.EPERM} {
		if errors.Is(err, errno) {
			fmt.Print(unix.ErrnoName(errno), " ")
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

// failing makes calls for which all of where holds fail.
func failing(call uintptr, errno unix.Errno, where ...seccomp.Match) seccomp.Rule {
	return seccomp.Rule{Call: call, Where: where, Action: seccomp.Errno(errno)}
}

// forkFlags are those of syscall.ForkExec, by which the helper is started; those
// of os/exec have one more.
const forkFlags = unix.CLONE_VFORK | unix.CLONE_VM | uint32(unix.SIGCHLD)

// What is missing is said in one line, and nothing is started.
func TestMissing(t *testing.T) {
	for name, c := range map[string]struct {
		rule seccomp.Rule
		want []string
	}{
		"gVisor":  {failing(unix.SYS_SECCOMP, unix.EINVAL), []string{"unsupported", "gVisor", "Linux 5.9 or later"}},
		"refused": {failing(unix.SYS_SECCOMP, unix.EPERM), []string{"unsupported", "EPERM", "refused"}},
		"Linux 5.4": {failing(unix.SYS_IOCTL, unix.EINVAL, seccomp.Match{Arg: 1, Values: []uint32{unix.SECCOMP_IOCTL_NOTIF_SEND}}),
			[]string{"unsupported", "Linux 5.9 or later"}},
		"no executable memory": {failing(unix.SYS_MEMFD_CREATE, unix.EACCES),
			[]string{"helper process: memfd_create: permission denied"}},
		"no file": {failing(unix.SYS_PWRITE64, unix.ENOSPC), []string{"helper process: pwrite: no space left"}},
		"no size": {failing(unix.SYS_FTRUNCATE, unix.ENOSPC), []string{"helper process: ftruncate: no space left"}},
		"no mapping": {failing(unix.SYS_MMAP, unix.ENOMEM, seccomp.Match{Arg: 3, Values: []uint32{unix.MAP_SHARED}}),
			[]string{"helper process: mmap: cannot allocate memory"}},
		"no process": {failing(unix.SYS_CLONE, unix.EAGAIN, seccomp.Match{Arg: 0, Values: []uint32{forkFlags}}),
			[]string{"helper process: fork/exec: resource temporarily unavailable"}},
		"no asker": {failing(unix.SYS_OPENAT, unix.EACCES, seccomp.Match{Arg: 2, Values: []uint32{unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC}}),
			[]string{"unsupported", "through /proc"}},
		"no memory": {failing(unix.SYS_OPENAT, unix.EACCES, seccomp.Match{Arg: 2, Values: []uint32{unix.O_RDWR | unix.O_CLOEXEC}}),
			[]string{"unsupported", "ptrace_scope"}},
		"no questions": {failing(unix.SYS_IOCTL, unix.EINVAL, seccomp.Match{Arg: 1, Values: []uint32{unix.SECCOMP_IOCTL_NOTIF_RECV}}),
			[]string{"unsupported", "Linux 5.9 or later"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := under(t, child("report"), c.rule)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("got %q, want in it %q", got, want)
				}
			}
			if got := strings.TrimPrefix(got, "EPERM "); strings.Count(got, "\n") != 1 || !strings.Contains(got, "tty: command not started: ") {
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
			// Not standard error: the race detector complains there that it has no /proc.
			out, err := exec.Command("unshare", append(args, must(os.Executable()))...).Output()
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
