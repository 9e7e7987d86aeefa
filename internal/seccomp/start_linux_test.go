package seccomp_test

import (
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
	"time"

	"github.com/seed-5082a588/iomux/internal/seccomp"
	"golang.org/x/sys/unix"
)

// The test binary runs itself as a child, to do what arguments say.
const childEnv = "IOMUX_SECCOMP_CHILD"

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		os.Exit(children[name]())
	}
	os.Exit(m.Run())
}

var children = map[string]func() int{
	"nonblocking": makeNonblocking,
	"filter":      installUnderFilter,
}

func child(t *testing.T, name string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	// With the race detector in it a child would sleep for a second at its end.
	cmd.Env = append(os.Environ(), childEnv+"="+name, "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	return cmd
}

// makeNonblocking tries every way, tells how each ended and whether the
// description is nonblocking then, and clears the flag again.
func makeNonblocking() int {
	flags := func(fd uintptr) int { n, _ := unix.FcntlInt(fd, unix.F_GETFL, 0); return n }
	dup, err := unix.Dup(1)
	if err != nil {
		return 1
	}
	for _, way := range []struct {
		name string
		do   func() error
	}{
		{"ioctl 1", func() error { return unix.IoctlSetPointerInt(1, uint(seccomp.FIONBIO), 1) }},
		{"fcntl 1", func() error { return unix.SetNonblock(1, true) }},
		{"fcntl dup", func() error { return unix.SetNonblock(dup, true) }},
		{"fcntl bare", func() error { _, err := unix.FcntlInt(1, unix.F_SETFL, unix.O_NONBLOCK); return err }},
		{"ioctl dup", func() error { return unix.IoctlSetPointerInt(dup, uint(seccomp.FIONBIO), 1) }},
	} {
		err := way.do()
		fmt.Fprintln(os.Stderr, way.name, err, flags(1)&unix.O_NONBLOCK != 0)
		clearErr := unix.SetNonblock(1, false)
		if clearErr != nil || flags(1)&unix.O_NONBLOCK != 0 {
			fmt.Fprintln(os.Stderr, "cannot clear the flag:", clearErr)
		}
	}
	return 0
}

// With the duplicate's ioctl nothing is done: a filter cannot see it. The pipe
// of an io.Writer is not marked, so there a duplicate is not known at all.
func TestStart(t *testing.T) {
	requireFilters(t)
	pipe := func() (r, w *os.File, err error) { return os.Pipe() }
	socket := func() (r, w *os.File, err error) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, nil, err
		}
		return os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w"), nil
	}
	for name, open := range map[string]func() (r, w *os.File, err error){"pipe": pipe, "socket": socket} {
		t.Run(name, func(t *testing.T) {
			r, w, err := open()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			cmd := child(t, "nonblocking")
			cmd.Stdout = w
			check(t, cmd, "true")
		})
	}
	t.Run("writer", func(t *testing.T) {
		cmd := child(t, "nonblocking")
		cmd.Stdout = &strings.Builder{}
		check(t, cmd, "unknown")
	})
}

// check runs a child that makes itself nonblocking.
func check(t *testing.T, cmd *exec.Cmd, marked string) {
	t.Helper()
	var said strings.Builder
	cmd.Stderr = &said
	if err := seccomp.Start(cmd, true); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err, said.String())
	}
	dup := "false"
	if marked != "true" {
		dup = "true"
	}
	want := "ioctl 1 <nil> false\nfcntl 1 <nil> false\nfcntl dup <nil> " + dup + "\nfcntl bare <nil> false\nioctl dup <nil> true\n"
	if said.String() != want {
		t.Errorf("%s, want:\n%s", said.String(), want)
	}
	awaitNoFilters(t)
}

// requireFilters skips a test where the system has no filters at all.
func requireFilters(t *testing.T) {
	t.Helper()
	cmd := exec.Command("true")
	if err := seccomp.Start(cmd, true); err != nil {
		var e *seccomp.Error
		if errors.As(err, &e) && !errors.Is(err, unix.EACCES) {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	cmd.Wait()
}

// ownFilters is what the threads of this process have when nothing was done.
var ownFilters = filters(unix.Getpid())

func filters(tid int) string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/status", tid))
	if err != nil {
		return "" // the thread is gone
	}
	var found []string
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "Seccomp") || strings.HasPrefix(line, "NoNewPrivs") {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}

// awaitNoFilters waits until no thread of this process has a filter that it was
// not born with; a thread ends a little after the function that ran on it.
func awaitNoFilters(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; runtime.Gosched() {
		filtered := ""
		tasks, err := filepath.Glob("/proc/self/task/*")
		if err != nil || len(tasks) == 0 {
			t.Skip("no /proc: ", err)
		}
		for _, task := range tasks {
			var tid int
			fmt.Sscan(filepath.Base(task), &tid)
			if f := filters(tid); f != "" && f != ownFilters {
				filtered += fmt.Sprintf("thread %d of %d: %s", tid, len(tasks), f)
			}
		}
		if filtered == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("still under a filter: ", filtered)
		}
	}
}

// A thousand at once, some of which cannot be started: each has its filter,
// and no thread and no descriptor is left.
func TestStartMany(t *testing.T) {
	requireFilters(t)
	commands := 1000
	if testing.Short() {
		commands = 100
	}
	var wg sync.WaitGroup
	for i := range commands {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if i%10 == 0 {
				err := seccomp.Start(exec.Command("/nonexistent/command"), true)
				if !errors.Is(err, os.ErrNotExist) || errors.Is(err, errors.ErrUnsupported) {
					t.Error(err)
				}
				return
			}
			r, w, err := os.Pipe()
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			defer w.Close()
			cmd := exec.Command("true")
			cmd.Stdout = w
			if err := seccomp.Start(cmd, true); err != nil {
				t.Error(err)
				return
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
	awaitNoFilters(t)
}

// The main thread never has a filter, not even if a goroutine begins on it.
func TestNotOnMainThread(t *testing.T) {
	for range 200 {
		seccomp.OnThread(func() error {
			if unix.Gettid() == unix.Getpid() {
				t.Error("on the main thread")
			}
			return nil
		}, nil)
	}
}

func TestOnThread(t *testing.T) {
	want := errors.New("mine")
	after := make(chan int, 1)
	var tid int
	err := seccomp.OnThread(func() error {
		tid = unix.Gettid()
		return want
	}, func() { after <- unix.Gettid() })
	if err != want {
		t.Errorf("%v, want %v", err, want)
	}
	if got := <-after; got != tid {
		t.Errorf("after on thread %d, not on %d", got, tid)
	}
}

func TestLocked(t *testing.T) {
	if seccomp.Locked() {
		t.Error("locked from the start")
	}
	runtime.LockOSThread()
	if !seccomp.Locked() {
		t.Error("not locked")
	}
	runtime.UnlockOSThread()
	if seccomp.Locked() {
		t.Error("still locked")
	}
}

// A child with Pdeathsig lives although the function that started it is over,
// and its thread goes after it.
func TestPdeathsig(t *testing.T) {
	requireFilters(t)
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := seccomp.Start(cmd, true); err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	for range 100 { // other starts, whose threads come and go
		if err := seccomp.OnThread(func() error { return nil }, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(b[:]); err != nil {
			t.Fatal(err)
		}
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	awaitNoFilters(t)
}

func TestPtrace(t *testing.T) {
	cmd := exec.Command("true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := seccomp.Start(cmd, true); !errors.Is(err, errors.ErrUnsupported) || cmd.Process != nil {
		t.Error(err, cmd.Process)
	}
}

// Without privileges, and not allowed to set no_new_privs, there is no filter,
// and the command is not started.
func TestNoPrivileges(t *testing.T) {
	requireFilters(t)
	if seccomp.Privileged() || seccomp.NoNewPrivs() {
		t.Skip("this process has what it needs")
	}
	cmd := exec.Command("true")
	err := seccomp.Start(cmd, false)
	if !errors.Is(err, unix.EACCES) || !errors.Is(err, errors.ErrUnsupported) || cmd.Process != nil {
		t.Error(err, cmd.Process)
	}
	if err := seccomp.Start(cmd, true); err != nil {
		t.Error(err)
	}
	cmd.Wait()
	awaitNoFilters(t)
}

// installUnderFilter is under a filter that kills for the call seccomp, as
// services of systemd may be, and starts a command under another.
func installUnderFilter() int {
	err := seccomp.OnThread(func() error {
		kill := seccomp.Build(seccomp.Rule{Call: unix.SYS_SECCOMP, Action: unix.SECCOMP_RET_KILL_PROCESS})
		if _, err := seccomp.Install(kill, 0, true); err != nil {
			return err
		}
		_, err := seccomp.Install(seccomp.Build(), unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, true)
		if err != nil {
			return err
		}
		return exec.Command("true").Run()
	}, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func TestUnderFilter(t *testing.T) {
	requireFilters(t)
	if out, err := child(t, "filter").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
