//go:build amd64 || arm64

package faults_test

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux/internal/muxtest"
	"golang.org/x/sys/unix"
)

// A fault is how a system call can fail.
type fault struct {
	errnos []unix.Errno
	names  string // how an error may call it, separated by |
}

// faults has what the manual pages name for these calls, and what a filter for
// system calls may say, but for errors that would be a lie: EAGAIN from a queue
// that is not empty, ECONNREFUSED for a sender that lives.
var faults = map[string]fault{
	"socket":                    {[]unix.Errno{unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.ENOBUFS, unix.EACCES, unix.EPERM}, "socket"},
	"setsockopt":                {[]unix.Errno{unix.ENOPROTOOPT, unix.ENOMEM, unix.EPERM}, "setsockopt"},
	"setsockopt SO_SNDBUFFORCE": {[]unix.Errno{unix.EPERM, unix.ENOMEM}, "setsockopt"},
	"setsockopt SO_SNDBUF":      {[]unix.Errno{unix.ENOMEM, unix.EPERM}, "setsockopt"},
	"bind":                      {[]unix.Errno{unix.EADDRINUSE, unix.EACCES, unix.ENOMEM, unix.ENOSPC, unix.EROFS, unix.EDQUOT, unix.EINTR, unix.EPERM}, "bind"},
	"connect":                   {[]unix.Errno{unix.ECONNREFUSED, unix.EACCES, unix.EPERM, unix.ENOMEM, unix.EAGAIN, unix.EINTR, unix.ENOENT}, "connect"},
	"connect (probe)":           {[]unix.Errno{unix.EACCES, unix.EPERM, unix.ENOMEM, unix.EAGAIN, unix.EINTR}, "connect"},
	"sendmsg":                   {[]unix.Errno{unix.ETOOMANYREFS, unix.ENOBUFS, unix.ENOMEM, unix.EAGAIN, unix.EPERM, unix.EINTR}, "sendmsg"},
	"recvmmsg":                  {[]unix.Errno{unix.EINTR, unix.ENOMEM, unix.ENOBUFS, unix.ENOSYS, unix.EPERM}, "recvmmsg"},
	"recvmsg":                   {[]unix.Errno{unix.EINTR, unix.ENOMEM, unix.ENOBUFS, unix.EPERM}, "recvmsg"},
	"recvfrom":                  {[]unix.Errno{unix.EINTR, unix.ENOMEM, unix.ENOBUFS, unix.EPERM}, "recvfrom|recvmsg"},
	"read":                      {[]unix.Errno{unix.EINTR, unix.EIO, unix.ENOMEM}, "read"},
	// With other errors it waits for the child, whose output nobody reads then.
	"read (os/exec)":      {[]unix.Errno{unix.EINTR}, "read"},
	"pipe2":               {[]unix.Errno{unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.EINVAL}, "pipe2|fork/exec"},
	"fcntl F_SETPIPE_SZ":  {[]unix.Errno{unix.EPERM, unix.EBUSY, unix.ENOMEM, unix.EINVAL}, "fcntl F_SETPIPE_SZ"},
	"fcntl F_SETFL":       {[]unix.Errno{unix.EPERM}, "fcntl"},
	"epoll_create1":       {[]unix.Errno{unix.EMFILE, unix.ENFILE, unix.ENOMEM}, "epoll_create1"},
	"epoll_ctl":           {[]unix.Errno{unix.ENOSPC, unix.ENOMEM}, "epoll_ctl"},
	"epoll_ctl (runtime)": {[]unix.Errno{unix.ENOSPC, unix.ENOMEM}, "epoll_ctl"},
	"epoll_pwait":         {[]unix.Errno{unix.EINTR}, "epoll_pwait"},
	"mkdir":               {[]unix.Errno{unix.ENOSPC, unix.EACCES, unix.EROFS, unix.EDQUOT, unix.EMLINK, unix.ENOMEM, unix.EINTR, unix.ENOENT}, "mkdir"},
	"fchmodat":            {[]unix.Errno{unix.EPERM, unix.EROFS, unix.EIO, unix.EINTR}, "chmod"},
	"fstat":               {[]unix.Errno{unix.ENOMEM, unix.EACCES}, "fstat"},
	"open":                {[]unix.Errno{unix.EMFILE, unix.ENFILE, unix.EACCES, unix.ENOMEM, unix.EINTR, unix.ENOENT}, "open"},
	"unlink":              {[]unix.Errno{unix.EACCES, unix.EROFS, unix.EIO, unix.ENOMEM, unix.EINTR}, "remove|unlink"},
	"mmap":                {[]unix.Errno{unix.ENOMEM, unix.EAGAIN, unix.EPERM}, "mmap"},
	"madvise":             {[]unix.Errno{unix.EINVAL, unix.EAGAIN, unix.ENOMEM}, "madvise"},
	"clone":               {[]unix.Errno{unix.EAGAIN, unix.ENOMEM, unix.EPERM}, "fork/exec"},
	"poll":                {[]unix.Errno{unix.EINTR, unix.ENOMEM}, "poll"},
}

// A faultChild is a child that runs trials, under a supervisor.
type faultChild struct {
	*supervisor
	in     io.WriteCloser
	out    *bufio.Reader
	wait   func() error
	served <-chan error
	stderr *strings.Builder
}

// startFaults starts a child that runs trials. It skips the test where the
// system has no such listener, or refuses it.
func startFaults(t *testing.T, dir string) *faultChild {
	pair := muxtest.Must(unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0))
	defer unix.Close(pair[1])
	theirs := os.NewFile(uintptr(pair[0]), "socket")
	c := &faultChild{supervisor: new(supervisor), stderr: new(strings.Builder)}
	cmd := muxtest.Child("faults")
	cmd.Env = append(cmd.Env, "TMPDIR="+dir, "GODEBUG=asyncpreemptoff=1") // a signal would have calls told twice
	cmd.ExtraFiles, cmd.Stderr = []*os.File{theirs}, c.stderr
	c.in = muxtest.Must(cmd.StdinPipe())
	c.out = bufio.NewReader(muxtest.Must(cmd.StdoutPipe()))
	c.wait = muxtest.Start(t, cmd)
	theirs.Close()
	var err error
	if c.fd, err = receiveFD(pair[1]); err != nil {
		c.in.Close()
		t.Skipf("system calls cannot be made to fail here: %v", err)
	}
	line := muxtest.Must(c.out.ReadString('\n'))
	for _, word := range strings.Fields(line)[1:] {
		var fd int
		muxtest.Must(fmt.Sscan(word, &fd))
		c.goFDs = append(c.goFDs, fd)
	}
	muxtest.Must(fmt.Sscan(line, &c.tid))
	c.served = muxtest.InBackground(c.serve)
	return c
}

// stop ends the child and the supervisor.
func (c *faultChild) stop(t *testing.T) {
	c.in.Close()
	if err := c.wait(); err != nil {
		t.Errorf("%v\n%s", err, c.stderr)
	}
	for served := false; !served; {
		select {
		case err := <-c.served:
			served = true
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Millisecond):
			c.interrupt()
		}
	}
	unix.Close(c.fd)
}

// run has a trial run with this plan. It gives the child's verdict, which is "ok"
// and the number of errors that were seen, or begins otherwise.
func (c *faultChild) run(s scenario, kind string, p plan) string {
	c.begin(p)
	names := faults[p.call].names
	if names == "" {
		names = "-"
	}
	// The runtime does not tell why its poller did not take a descriptor.
	told := p.call != "epoll_ctl (runtime)"
	fmt.Fprintln(c.in, s.name, kind, int(p.errno), p.times, told, names)
	line, err := c.out.ReadString('\n')
	if err != nil {
		return "no answer"
	}
	return strings.TrimSpace(line)
}

// A tally is what was done.
type tally struct {
	calls          map[string]int // by name
	runs, injected int
	seen           int // errors
}

func (c *tally) String() string {
	calls := 0
	for _, n := range c.calls {
		calls += n
	}
	return fmt.Sprintf("%d faults injected into %d calls, in %d runs; %d of them were seen as errors", c.injected, calls, c.runs, c.seen)
}

// mostCalls are so many of a name as fail in turn: a reader that polls makes
// hundreds.
const mostCalls = 15

// plansFor gives what is to fail, for a scenario that makes these calls: each in
// every way, and in some ways several times in a row. With -short, a small factor in
// IOMUX_STRESS, or the race detector, which makes all this slow, that is a sample.
func plansFor(calls map[string]int) (plans []plan) {
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		for nth := range min(calls[name], mostCalls) {
			for i, errno := range faults[name].errnos {
				plans = append(plans, plan{name, nth + 1, 1, errno})
				if i == 0 || errno == unix.EINTR {
					plans = append(plans, plan{name, nth + 1, 4, errno})
				}
			}
		}
	}
	part := min(1, muxtest.Stress())
	if muxtest.RaceDetector {
		part = min(0.25, part)
	}
	rand.Shuffle(len(plans), func(i, j int) { plans[i], plans[j] = plans[j], plans[i] })
	return plans[:int(math.Ceil(part*float64(len(plans))))]
}

// inject has the calls of a scenario fail, and wants the verdict ok.
func inject(t *testing.T, c *faultChild, s scenario, kind string) *tally {
	if verdict := c.run(s, kind, plan{}); verdict != "ok 0" {
		t.Fatalf("without a fault: %s\n%s", verdict, c.stderr)
	}
	done := new(tally)
	done.calls, _ = c.end()
	if s.only != "" {
		done.calls = map[string]int{s.only: done.calls[s.only]}
	}
	for _, p := range plansFor(done.calls) {
		verdict := c.run(s, kind, p)
		_, failed := c.end()
		var seen int
		if _, err := fmt.Sscanf(verdict, "ok %d", &seen); err != nil {
			t.Errorf("%s, number %d, %d times %v: %s", p.call, p.nth, p.times, unix.ErrnoName(p.errno), verdict)
			break // the child has ended
		}
		done.runs++
		done.injected += failed
		done.seen += seen
	}
	return done
}

// Every system call of the library fails in every way that it can: the caller
// gets an error that says so, or nothing is wrong. Nothing is lost, nothing comes
// twice, nothing is left behind, and the same works the next time.
func TestFaults(t *testing.T) {
	dir := t.TempDir()
	sum := tally{calls: make(map[string]int)}
	for _, s := range scenarios {
		for _, k := range muxtest.Kinds {
			if !slices.Contains(s.kinds, k.Name) {
				continue
			}
			t.Run(s.name+"/"+k.Name, func(t *testing.T) {
				muxtest.Watch(t)
				muxtest.LeakCheck(t)
				c := startFaults(t, dir)
				done := inject(t, c, s, k.Name)
				c.stop(t)
				t.Log(done)
				for name, n := range done.calls {
					sum.calls[name] += n
				}
				sum.runs += done.runs
				sum.injected += done.injected
				sum.seen += done.seen
			})
		}
	}
	t.Log(&sum)
	if filter := flag.Lookup("test.run").Value.String(); !strings.Contains(filter, "/") && sum.runs > 0 {
		checkAllFailed(t, sum.calls)
	}
}

// checkAllFailed looks that every call in the table was made: that it is still
// known by what it looks like.
func checkAllFailed(t *testing.T, calls map[string]int) {
	batches := []string{"recvmmsg", "recvmsg", "mmap", "madvise"}
	for name := range faults {
		if calls[name] == 0 && !(muxtest.Portable && slices.Contains(batches, name)) {
			t.Errorf("%s was never called", name)
		}
	}
}
