//go:build amd64 || arm64

package tty_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
	"github.com/seed-5082a588/iomux/tty"
)

// holdings are what this process could leak.
type holdings struct {
	descriptors, filtered, helpers, goroutines int
}

func (h holdings) within(limit holdings) bool {
	return h.descriptors <= limit.descriptors && h.filtered <= limit.filtered &&
		h.helpers <= limit.helpers && h.goroutines <= limit.goroutines
}

// nothingSince reports whether no more is held than before, soon.
func nothingSince(before holdings) bool {
	for range 5000 {
		if held().within(before) {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

func held() holdings {
	descriptors, _ := os.ReadDir("/proc/self/fd") // there is a test without /proc
	return holdings{len(descriptors), len(filteredThreads()), len(helpers(os.Getpid())), runtime.NumGoroutine()}
}

// filteredThreads are those of this process that are under a filter which the
// process is not under.
func filteredThreads() (tasks []string) {
	for _, task := range must(filepath.Glob("/proc/self/task/*/status")) {
		status, err := os.ReadFile(task)
		if err == nil && filters(string(status)) > filters(string(must(os.ReadFile("/proc/self/status")))) {
			tasks = append(tasks, task)
		}
	}
	return tasks
}

func filters(status string) (n int) {
	_, after, _ := strings.Cut(status, "\nSeccomp_filters:")
	fmt.Sscan(after, &n)
	return n
}

// checkNothingLeft checks, at the end of the test, that it has left nothing.
func checkNothingLeft(t testing.TB) {
	t.Helper()
	before := held()
	t.Cleanup(func() {
		var now holdings
		defer func() { t.Logf("before %+v, now %+v", before, now) }()
		eventually(t, "holding no more than before", func() bool {
			now = held()
			return now.within(before)
		})
	})
}

func TestNothingLeft(t *testing.T) {
	watch(t)
	_, screen := muxtest.OpenTerminal(t)
	runOnPipe(t, tty.Terminal{Real: screen}, exec.Command("true")) // what is made but once
	checkNothingLeft(t)
	for range muxtest.Rounds(50) {
		runOnPipe(t, tty.Terminal{}, sh("test -t 1; exit"))
		runOnPipe(t, tty.Terminal{Real: screen}, exec.Command("true"))
		if err := (tty.Terminal{}).Start(&exec.Cmd{Path: "/does/not/exist", Stdout: screen}); err == nil {
			t.Fatal("started")
		}
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := (tty.Terminal{}).Start(&exec.Cmd{Path: "/does/not/exist", Stdout: w}); err == nil {
			t.Fatal("started")
		}
		r.Close()
		w.Close()
	}
}

// Children that are left running keep one helper each, until they go.
func TestHelpers(t *testing.T) {
	watch(t)
	checkNothingLeft(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const n = 5
	var cmds []*exec.Cmd
	for range n {
		cmd := sh("exec 3<&0; cat <&3 >&2 & exit 0")
		cmd.Stdin = r
		cmd.Stdout, cmd.Stderr = must(os.Open(os.DevNull)), openPipe(t)
		if err := (tty.Terminal{}).Start(cmd); err != nil {
			t.Skip(err)
		}
		cmd.Stdout.(*os.File).Close()
		cmds = append(cmds, cmd)
	}
	for _, cmd := range cmds {
		cmd.Wait()
	}
	eventually(t, "a helper for each daemon", func() bool { return len(helpers(os.Getpid())) == n })
	w.Close()
}

// A helper keeps nothing open but what it needs, also of what all children of
// this process inherit.
func TestHelperDescriptors(t *testing.T) {
	watch(t)
	checkNothingLeft(t)
	w := openPipe(t)
	if err := withFD(w, func(fd int) error {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	r, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command("cat")
	cmd.Stdin, cmd.Stdout = r, openPipe(t)
	if err := (tty.Terminal{}).Start(cmd); err != nil {
		t.Skip(err)
	}
	eventually(t, "a helper", func() bool { return len(helpers(os.Getpid())) == 1 })
	for _, pid := range helpers(os.Getpid()) {
		dir := fmt.Sprintf("/proc/%d/fd", pid)
		eventually(t, "three descriptors", func() bool { return len(must(os.ReadDir(dir))) == 3 })
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	w.Close()
}

func withFD(f *os.File, do func(fd int) error) (err error) {
	must(f.SyscallConn()).Control(func(fd uintptr) { err = do(int(fd)) })
	return err
}

// A helper that is killed is no loss as long as this process answers.
func TestHelperKilled(t *testing.T) {
	forKinds(t, func(t *testing.T, m *iomux.Mux) {
		checkNothingLeft(t)
		cmd := sh(`read x; test -t 1 && echo terminal`)
		stdin := must(cmd.StdinPipe())
		start(t, m, tty.Terminal{}, cmd)
		eventually(t, "a helper", func() bool { return len(helpers(os.Getpid())) == 1 })
		for _, pid := range helpers(os.Getpid()) {
			unix.Kill(pid, unix.SIGKILL)
		}
		stdin.Write([]byte("\n"))
		if d := must(m.ReadContext(t.Context())); string(d.Data) != "terminal\n" {
			t.Errorf("got %q", d.Data)
		}
		cmd.Wait()
	})
}

// With Pdeathsig, the thread that started the command stays, and goes with it.
func TestPdeathsig(t *testing.T) {
	forKinds(t, func(t *testing.T, m *iomux.Mux) {
		checkNothingLeft(t)
		cmd := sh(`echo up; read x; test -t 1 && echo terminal`)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		stdin := must(cmd.StdinPipe())
		start(t, m, tty.Terminal{}, cmd)
		must(m.ReadContext(t.Context()))
		for range 100 { // goroutines that would end the thread if it were free
			done := make(chan bool)
			go func() { runtime.LockOSThread(); close(done) }()
			<-done
		}
		stdin.Write([]byte("\n"))
		if d := must(m.ReadContext(t.Context())); string(d.Data) != "terminal\n" {
			t.Errorf("got %q", d.Data)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
}
