package iomux_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/seccomp"
)

func init() {
	children["nonblocking"] = writeNonblocking
	children["guarded"] = guarded
	children["unprivileged"] = unprivileged
	children["sandboxed"] = sandboxed
	children["in sandbox"] = inSandbox
}

// writeNonblocking makes its standard output nonblocking in each way, writes more
// than any pipe takes, does not try again, and exits.
func writeNonblocking([]string) int {
	unix.SetNonblock(1, true)
	unix.SetNonblock(2, true)
	if fd, err := unix.Dup(1); err == nil {
		unix.SetNonblock(fd, true)
	}
	for range 64 {
		for fd, text := range []string{1: "out", 2: "err"} {
			if fd == 0 {
				continue
			}
			if n, err := unix.Write(fd, bytes.Repeat([]byte(text), 1000)); n != 3000 || err != nil {
				return 3
			}
		}
	}
	return 0
}

// With the guard all that such a program writes arrives, in order, from every kind.
func TestGuardNonblocking(t *testing.T) {
	needGuard(t)
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		cmd := childCommand("nonblocking")
		cmd.Stdout, cmd.Stderr = newSender(t, m, "1"), newSender(t, m, "2")
		if err := iomux.StartBlocking(cmd); err != nil {
			t.Fatal(err)
		}
		cmd.Stdout.(*os.File).Close()
		cmd.Stderr.(*os.File).Close()
		for range 64 {
			for fd, text := range []string{1: "out", 2: "err"} {
				if fd != 0 {
					readWrite(t, k, m, fmt.Sprint(fd), bytes.Repeat([]byte(text), 1000))
				}
			}
		}
		waitEnd(t, m)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
}

func needGuard(t *testing.T) {
	t.Helper()
	cmd := exec.Command("true")
	err := iomux.StartBlocking(cmd)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
}

// guarded says whether a filter keeps its standard error from becoming nonblocking,
// and whether it can gain rights.
func guarded([]string) int {
	flags, err := unix.FcntlInt(2, unix.F_GETFL, 0)
	if err != nil {
		return checkFailed("%v", err)
	}
	unix.SetNonblock(2, true)
	now, err := unix.FcntlInt(2, unix.F_GETFL, 0)
	if err != nil {
		return checkFailed("%v", err)
	}
	unix.FcntlInt(2, unix.F_SETFL, flags)
	fmt.Print("guard: ", now&unix.O_NONBLOCK == 0, ", no new privileges: ", seccomp.NoNewPrivs())
	return 0
}

// wantGuarded runs "guarded" and checks what it says.
func wantGuarded(t *testing.T, start func(*exec.Cmd) error, guard, noNewPrivs bool, change func(*exec.Cmd)) {
	t.Helper()
	watch(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var out strings.Builder
	cmd := childCommand("guarded")
	cmd.Stdout, cmd.Stderr = &out, w
	change(cmd)
	if err := start(cmd); err != nil {
		t.Error(err)
		return
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if want := fmt.Sprint("guard: ", guard, ", no new privileges: ", noNewPrivs); out.String() != want {
		t.Errorf("%s, want %s", &out, want)
	}
}

func unchanged(*exec.Cmd) {}

// readable gives a copy of the test binary that every user can run.
func readable(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("", "iomux-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, name)
	if err := errors.Join(os.WriteFile(path, data, 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

// By itself there is a guard where it costs nothing.
func TestGuardByItself(t *testing.T) {
	needGuard(t)
	noNewPrivs := seccomp.NoNewPrivs()
	free := noNewPrivs || seccomp.Privileged()
	root := os.Geteuid() == 0
	t.Run("auto", func(t *testing.T) {
		wantGuarded(t, iomux.StartAuto, free || root, noNewPrivs || root && !free, unchanged)
	})
	t.Run("node", func(t *testing.T) {
		node := readable(t, "node")
		wantGuarded(t, iomux.StartAuto, true, noNewPrivs || !free, func(cmd *exec.Cmd) { cmd.Path = node })
	})
	t.Run("asked for", func(t *testing.T) {
		wantGuarded(t, iomux.StartBlocking, true, noNewPrivs || !free, unchanged)
	})
	t.Run("locked to a thread", func(t *testing.T) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		wantGuarded(t, iomux.StartAuto, false, noNewPrivs, unchanged)
	})
	t.Run("traced", func(t *testing.T) {
		cmd := exec.Command("true")
		cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
		if err := iomux.StartBlocking(cmd); !errors.Is(err, errors.ErrUnsupported) || cmd.Process != nil {
			t.Error(err)
		}
	})
}

// unprivileged is an ordinary user, who has no_new_privs if there is an argument.
// It starts a program that is of user 0 and setuid, in each way, and says who
// that is then.
func unprivileged(args []string) int {
	for _, start := range []func(*exec.Cmd) error{iomux.StartAuto, iomux.StartBlocking} {
		for _, path := range args {
			var out strings.Builder
			cmd := &exec.Cmd{Path: path, Args: []string{"id", "-u"}, Stdout: &out}
			if err := start(cmd); err != nil {
				return checkFailed("%v", err)
			}
			if err := cmd.Wait(); err != nil {
				return checkFailed("%v", err)
			}
			fmt.Print(out.String())
		}
	}
	return 0
}

// Setuid programs such as sudo keep their rights by itself, unless they are called node.
func TestGuardSetuid(t *testing.T) {
	needGuard(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root to make a setuid program")
	}
	id, err := exec.LookPath("id")
	if err != nil {
		t.Skip(err)
	}
	self := readable(t, "self")
	dir := filepath.Dir(self)
	var programs []string
	for _, name := range []string{"id", "node"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, must(os.ReadFile(id)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Chmod(path, 0o4755); err != nil {
			t.Fatal(err)
		}
		programs = append(programs, path)
	}
	run := func() string {
		cmd := childCommand("unprivileged", programs...)
		cmd.Path = self
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, os.Stderr
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(out.String(), "\n", " ")
	}
	got := run()
	if strings.HasPrefix(got, "65534 ") {
		t.Skip("setuid has no effect here")
	}
	if want := "0 65534 65534 65534 "; got != want {
		t.Errorf("user ids %q, want %q", got, want)
	}
}

// What SysProcAttr can ask for is had under the guard, too.
func TestGuardAttributes(t *testing.T) {
	needGuard(t)
	if !seccomp.Privileged() {
		t.Skip("needs CAP_SYS_ADMIN")
	}
	noNewPrivs := seccomp.NoNewPrivs()
	self := readable(t, "self")
	for name, attr := range map[string]*syscall.SysProcAttr{
		"credential": {Credential: &syscall.Credential{Uid: 65534, Gid: 65534}},
		"pdeathsig":  {Pdeathsig: syscall.SIGKILL},
		"session":    {Setsid: true},
		"group":      {Setpgid: true},
		"user namespace": {
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
		},
		"pid namespace": {Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC},
		"unshare":       {Unshareflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS},
		"capabilities":  {AmbientCaps: []uintptr{unix.CAP_NET_BIND_SERVICE}},
		"chroot":        {Chroot: filepath.Dir(self)},
	} {
		t.Run(name, func(t *testing.T) {
			change := func(cmd *exec.Cmd) {
				cmd.SysProcAttr, cmd.Path = attr, self
				if attr.Chroot != "" {
					cmd.Path = "/self"
				}
			}
			plain := exec.Command(self, "-test.list=^$")
			change(plain)
			if err := plain.Run(); err != nil {
				t.Skip("not here without the guard: ", err)
			}
			wantGuarded(t, iomux.StartAuto, true, noNewPrivs, change)
		})
	}
}

// sandboxed starts a command in the sandbox that its argument says.
func sandboxed(args []string) int {
	var rules []seccomp.Rule
	switch args[0] {
	case "refused":
		request := seccomp.Match{Arg: 0, Values: []uint32{unix.PR_SET_SECCOMP}}
		rules = append(rules, seccomp.Rule{Call: unix.SYS_PRCTL, Where: []seccomp.Match{request}, Action: seccomp.Errno(unix.EPERM)})
	case "killed": // for the newer of the two calls
		rules = append(rules, seccomp.Rule{Call: unix.SYS_SECCOMP, Action: unix.SECCOMP_RET_KILL_PROCESS})
	}
	err := seccomp.OnThread(func() error {
		if _, err := seccomp.Install(seccomp.Build(rules...), 0, true); err != nil {
			return err
		}
		cmd := childCommand("in sandbox", args...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		return cmd.Run()
	}, nil)
	if err != nil {
		return checkFailed("%v", err)
	}
	return 0
}

func inSandbox(args []string) int {
	err := iomux.StartBlocking(exec.Command("true"))
	if errors.Is(err, errors.ErrUnsupported) != (args[0] == "refused") {
		return checkFailed("StartBlocking: %v", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return checkFailed("%v", err)
	}
	defer r.Close()
	cmd := childCommand("guarded")
	cmd.Stdout, cmd.Stderr = os.Stdout, w
	if err := iomux.StartAuto(cmd); err != nil {
		return checkFailed("%v", err)
	}
	if err := cmd.Wait(); err != nil {
		return checkFailed("%v", err)
	}
	return 0
}

// In a sandbox of others there is the guard if they allow it, and nothing happens if
// they do not, not even where the call kills.
func TestGuardSandboxed(t *testing.T) {
	needGuard(t)
	for name, guard := range map[string]bool{"refused": false, "killed": true, "other": true} {
		t.Run(name, func(t *testing.T) {
			watch(t)
			out, err := childCommand("sandboxed", name).CombinedOutput()
			if want := fmt.Sprintf("guard: %v,", guard); err != nil || !strings.HasPrefix(string(out), want) {
				t.Errorf("%v\n%s, want %s", err, out, want)
			}
		})
	}
}

// An error of the start is what cmd.Start returns.
func TestGuardStartErrors(t *testing.T) {
	needGuard(t)
	for _, start := range []func(*exec.Cmd) error{iomux.StartAuto, iomux.StartBlocking} {
		if err, ok := start(exec.Command("iomux-no-such-command")).(*exec.Error); !ok || err.Err != exec.ErrNotFound {
			t.Errorf("not found: %v", err)
		}
		if err, ok := start(exec.Command("/iomux/no/such/command")).(*os.PathError); !ok || err.Op != "fork/exec" {
			t.Errorf("no such file: %v", err)
		}
		dot := exec.Command("true")
		dot.Err = exec.ErrDot
		if err := start(dot); err != exec.ErrDot {
			t.Errorf("%v, want ErrDot", err)
		}
		twice := exec.Command("true")
		if err := start(twice); err != nil {
			t.Fatal(err)
		}
		if err := start(twice); err == nil || errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("started twice: %v", err)
		}
		twice.Wait()
	}
}

// Many commands at once, and nothing is left of their guards.
func TestGuardMany(t *testing.T) {
	needGuard(t)
	watch(t)
	leakCheck(t)
	const commands = 50
	var wg sync.WaitGroup
	for range commands {
		wg.Add(1)
		go func() {
			defer wg.Done()
			m, err := iomux.NewAbstract()
			if err != nil {
				t.Error(err)
				return
			}
			defer m.Close()
			n := 0
			for d, err := range m.Output(shell("echo out; echo err >&2")) {
				if err != nil {
					t.Error(err)
				}
				n += len(d.Data)
			}
			if n != len("out\nerr\n") {
				t.Errorf("%d bytes", n)
			}
		}()
	}
	wg.Wait()
}
