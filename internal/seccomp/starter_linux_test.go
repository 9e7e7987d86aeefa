package seccomp_test

import (
	"errors"
	"fmt"
	"io"
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

func init() {
	children["own pdeathsig"] = echoUnlessOrphaned
	children["setuid"] = startAfterSetuid
}

func starters(t *testing.T) *seccomp.Starters {
	t.Helper()
	requireFilters(t)
	p := seccomp.NewStarters()
	t.Cleanup(func() { p.End(); awaitNoFilters(t) })
	return p
}

// startOnPipe starts cmd with all its output marked, but for what change does, and
// returns where to read it.
func startOnPipe(start func(*exec.Cmd, bool) (func() error, error), cmd *exec.Cmd, noNewPrivs bool, change func(*exec.Cmd)) (r *os.File, wait func() error, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer w.Close()
	cmd.Stdout, cmd.Stderr = w, w
	change(cmd)
	if wait, err = start(cmd, noNewPrivs); err != nil {
		r.Close()
	}
	return r, wait, err
}

// status starts a command all whose output is marked, and returns what the kernel
// says of it.
func status(p *seccomp.Starters, noNewPrivs bool, change func(*exec.Cmd)) (fields map[string]string, err error) {
	r, wait, err := startOnPipe(p.StartWaited, exec.Command("cat", "/proc/self/status"), noNewPrivs, change)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	out, err := io.ReadAll(r)
	if err := errors.Join(err, wait()); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	fields = map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.TrimSpace(value)
	}
	return fields, nil
}

func unchanged(*exec.Cmd) {}

func wantStatus(t *testing.T, p *seccomp.Starters) map[string]string {
	t.Helper()
	fields, err := status(p, true, unchanged)
	if err != nil {
		t.Fatal(err)
	}
	return fields
}

// filtered returns the threads that have a filter which this process was not born
// with.
func filtered(t *testing.T) (tids []string) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*")
	if err != nil || len(tasks) == 0 {
		t.Skip("no /proc: ", err)
	}
	for _, task := range tasks {
		var tid int
		fmt.Sscan(filepath.Base(task), &tid)
		if f := filters(tid); f != "" && f != ownFilters {
			tids = append(tids, filepath.Base(task))
		}
	}
	return tids
}

// awaitFiltered waits until so many threads have a filter.
func awaitFiltered(t *testing.T, n int) []string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; runtime.Gosched() {
		tids := filtered(t)
		if len(tids) == n {
			return tids
		}
		if time.Now().After(deadline) {
			t.Fatalf("threads with a filter: %v, want %d", tids, n)
		}
	}
}

func wantIdle(t *testing.T, p *seccomp.Starters, n int) {
	t.Helper()
	if got := p.Idle(); got != n {
		t.Errorf("%d threads wait, want %d", got, n)
	}
}

// A series of commands is started from one thread, except for the first, and each has the
// one filter, also after one that could not be started.
func TestStarter(t *testing.T) {
	p := starters(t)
	first := wantStatus(t, p)
	wantIdle(t, p, 0)
	awaitNoFilters(t)
	wantStatus(t, p)
	wantIdle(t, p, 1)
	thread := awaitFiltered(t, 1)[0]
	for range 5 {
		got := wantStatus(t, p)
		for _, name := range []string{"Seccomp", "Seccomp_filters", "NoNewPrivs"} {
			if got[name] != first[name] {
				t.Errorf("%s: %s, and %s in the first command", name, got[name], first[name])
			}
		}
		_, err := status(p, true, func(cmd *exec.Cmd) { cmd.Path = "/nonexistent/command" })
		if !errors.Is(err, os.ErrNotExist) || errors.Is(err, errors.ErrUnsupported) {
			t.Error(err)
		}
		wantIdle(t, p, 1)
	}
	if got := awaitFiltered(t, 1)[0]; got != thread {
		t.Errorf("thread %s, it was %s", got, thread)
	}
}

// What is started from a thread that was kept is guarded.
func TestStarterGuards(t *testing.T) {
	p := starters(t)
	wantStatus(t, p)
	wantStatus(t, p)
	wantIdle(t, p, 1)
	r, wait, err := startOnPipe(p.StartWaited, child(t, "nonblocking"), true, unchanged)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	wantIdle(t, p, 0)
	out, err := io.ReadAll(r)
	if err := errors.Join(err, wait()); err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(out), "<nil> false\n") != 4 || strings.Contains(string(out), "cannot") {
		t.Errorf("%s", out)
	}
	awaitFiltered(t, 1)
}

// The thread of a series ends by itself.
func TestStarterEnds(t *testing.T) {
	requireFilters(t)
	for range 3 {
		r, wait, err := startOnPipe(seccomp.StartWaited, exec.Command("true"), true, unchanged)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(wait(), r.Close()); err != nil {
			t.Fatal(err)
		}
	}
	awaitNoFilters(t)
}

// What needs another filter, or another thread, gets one.
func TestStarterNotReused(t *testing.T) {
	p := starters(t)
	wantStatus(t, p)
	wantStatus(t, p)
	kept := awaitFiltered(t, 1)[0]
	for name, change := range map[string]func(*exec.Cmd){
		"Pdeathsig": func(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} },
		"no marks":  func(cmd *exec.Cmd) { cmd.Stderr = nil },
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("cat")
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			r, wait, err := startOnPipe(p.StartWaited, cmd, true, change)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if own, err := os.ReadFile("/proc/self/task/" + kept + "/children"); err == nil && len(own) > 0 {
				t.Errorf("the thread that was kept has the children %s", own)
			}
			in.Close()
			if err := wait(); err != nil {
				t.Error(err)
			}
			wantIdle(t, p, 1)
		})
	}
}

// echoUnlessOrphaned dies if its parent does.
func echoUnlessOrphaned() int {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return 1
	}
	io.Copy(os.Stdout, os.Stdin)
	return 0
}

// A thread that was kept stays until its child has been waited for, which may have
// asked for a signal at its end.
func TestStarterOutlivesChild(t *testing.T) {
	p := starters(t)
	wantStatus(t, p)
	wantStatus(t, p)
	cmd := child(t, "own pdeathsig")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, wait, err := startOnPipe(p.StartWaited, cmd, true, unchanged)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b [1]byte
	echo := func() {
		t.Helper()
		if _, err := in.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(b[:]); err != nil {
			t.Fatal(err)
		}
	}
	echo() // so it has asked for the signal
	waited := make(chan error, 1)
	go func() { waited <- wait() }()
	for range 100 { // other threads come and go
		p.End()
		if err := seccomp.OnThread(func() error { return nil }, nil); err != nil {
			t.Fatal(err)
		}
		echo()
	}
	awaitFiltered(t, 1)
	in.Close()
	if err := <-waited; err != nil {
		t.Error(err)
	}
}

// A command for which no_new_privs may not be set never comes from a thread that
// may have it.
func TestStarterKinds(t *testing.T) {
	p := starters(t)
	before, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	wantStatus(t, p)
	wantStatus(t, p)
	wantIdle(t, p, 1)
	got, err := status(p, false, unchanged)
	if seccomp.Privileged() || seccomp.NoNewPrivs() {
		if err != nil || !strings.Contains(string(before), "NoNewPrivs:\t"+got["NoNewPrivs"]+"\n") {
			t.Error(err, got["NoNewPrivs"])
		}
		wantIdle(t, p, 2)
		return
	}
	if !errors.Is(err, unix.EACCES) || !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	wantIdle(t, p, 1)
}

// startAfterSetuid starts commands, the last two as an ordinary user, and prints what
// that is.
func startAfterSetuid() int {
	p := seccomp.NewStarters()
	var got map[string]string
	for i := range 4 {
		if i == 2 {
			if err := syscall.Setuid(65534); err != nil {
				fmt.Println(err)
				return 1
			}
		}
		var err error
		if got, err = status(p, true, unchanged); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	fmt.Printf("%s, no_new_privs %s, %d threads", got["Uid"], got["NoNewPrivs"], p.Idle())
	return 0
}

// A thread that waits is another user with the rest of the process, and is not used
// for what now needs no_new_privs.
func TestStarterAfterSetuid(t *testing.T) {
	requireFilters(t)
	if os.Getuid() != 0 || !seccomp.Privileged() {
		t.Skip("needs root, and CAP_SYS_ADMIN")
	}
	out, err := child(t, "setuid").CombinedOutput()
	const want = "65534\t65534\t65534\t65534, no_new_privs 1, 2 threads"
	if err != nil || string(out) != want {
		t.Errorf("%v\n%s, want %s", err, out, want)
	}
}

// Many at once, again and again: no more threads than there may be, and none is left.
func TestStarterMany(t *testing.T) {
	p := starters(t)
	each := 5
	if testing.Short() {
		each = 2
	}
	var wg sync.WaitGroup
	for range 64 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range each {
				got, err := status(p, true, unchanged)
				if err != nil || got["Seccomp"] != "2" {
					t.Error(err, got["Seccomp"])
				}
			}
		}()
	}
	wg.Wait()
	if n := p.Idle(); n < 1 || n > 32 {
		t.Errorf("%d threads wait", n)
	}
}
