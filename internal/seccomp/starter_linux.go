package seccomp

import (
	"errors"
	"os/exec"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// keepFor is how long a thread waits for the next command. To make one takes about
	// 0.6 ms where it was measured, so a program that starts commands less often than
	// this loses at most 1.2 percent of its time.
	keepFor = 50 * time.Millisecond

	// mostStarters is how many there are at most. Further commands are started by
	// [Start], from threads of their own.
	mostStarters = 32
)

// A starter is a thread under the filter of [KeepBlocking] for marked output, from
// which one command after the other is started and waited for. Each inherits the
// filter that the kernel has compiled once.
//
// A thread that waits differs from a new one as follows, and in nothing else that
// is known:
//
//   - The kernel counts its end as the death of its children's parent, and a command
//     may have asked for a signal then by itself (PR_SET_PDEATHSIG in prctl(2)), as
//     setpriv and bwrap can. So a starter has at most one child, and ends only after
//     that has been waited for.
//   - While it is there, SECCOMP_FILTER_FLAG_TSYNC (seccomp(2)) fails for a program
//     that puts itself under a filter, and so does [syscall.AllThreadsSyscall] for a
//     call that asks for filters. A command that is started by itself leaves no
//     thread.
//   - The program may have lost or gained CAP_SYS_ADMIN meanwhile, see [kind]. What
//     else is changed for all threads, such as user IDs, changes here, too.
//   - What a new thread inherits from the one that makes it (scheduling, affinity,
//     name) is as it was then. Which one makes it is for the runtime to choose,
//     so nobody can rely on that.
//   - Goroutines that cmd.Start makes have the profiler labels of the caller for whom
//     the thread was made.
type starter struct {
	kind     kind
	commands chan command // closed when the thread is to end
	since    time.Time    // when it began to wait; guarded by the lock of the starters
}

// A kind of starter is what distinguishes those that have the filter by different
// rights.
type kind struct {
	noNewPrivs bool // may have been set, see [Install]
	privileged bool // so that it was not necessary
}

// A command is to be started.
type command struct {
	cmd  *exec.Cmd
	done chan error // gets what cmd.Start returns
}

// starters has the threads that wait for a command.
type starters struct {
	keepFor time.Duration

	mu       sync.Mutex // guards what follows
	idle     []*starter // the one that has waited longest is the first
	all      int        // those, and those with a command
	last     time.Time  // when a command was last started or had been waited for
	sweeping bool       // a call of sweep is due
}

var pool = starters{keepFor: keepFor}

// markedFilter is the filter for a command whose output is all marked.
var markedFilter = sync.OnceValue(func() []unix.SockFilter { return Build(blockingRules(nil)...) })

// StartWaited is [Start] for a command that the caller waits for, by the function that
// it returns, which is to be called once, instead of cmd.Wait. If commands come in quick
// succession and all their output is marked, they share a thread.
func StartWaited(cmd *exec.Cmd, noNewPrivs bool) (wait func() error, err error) {
	return pool.startWaited(cmd, noNewPrivs)
}

func (p *starters) startWaited(cmd *exec.Cmd, noNewPrivs bool) (wait func() error, err error) {
	var s *starter
	attr := cmd.SysProcAttr
	ordinary := attr == nil || attr.Pdeathsig == 0 && !attr.Ptrace
	if ordinary && !fakeClock() && p.inSeries() && len(markOutput(cmd)) == 0 {
		s = p.take(kind{noNewPrivs, Privileged()})
	}
	if s == nil {
		return cmd.Wait, Start(cmd, noNewPrivs)
	}
	c := command{cmd, make(chan error)}
	s.commands <- c
	if err := <-c.done; err != nil {
		p.put(s, err)
		return cmd.Wait, err
	}
	return func() error {
		defer p.put(s, nil)
		return cmd.Wait()
	}, nil
}

// run is the life of a starter.
func (s *starter) run() {
	_, err := Install(markedFilter(), unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, s.kind.noNewPrivs)
	for c := range s.commands {
		if err != nil {
			c.done <- err
		} else {
			c.done <- c.cmd.Start()
		}
	}
}

// inSeries reports whether the command that is to be started follows another one
// soon. A program that starts one now and then has no use for a thread that waits.
func (p *starters) inSeries() bool {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	soon := now.Sub(p.last) < p.keepFor
	p.last = now
	return soon
}

// take returns the starter of kind k that was busy last, or a new one. It returns nil
// if there are too many.
func (p *starters) take(k kind) *starter {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, s := range slices.Backward(p.idle) {
		if s.kind == k {
			p.idle = slices.Delete(p.idle, i, i+1)
			return s
		}
	}
	if p.all == mostStarters {
		return nil
	}
	p.all++
	s := &starter{kind: k, commands: make(chan command)}
	go onOtherThread(s.run)
	return s
}

// put has s wait for another command, or end if it could not have the filter.
func (p *starters) put(s *starter, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if refused := (*Error)(nil); errors.As(err, &refused) {
		p.end(s)
		return
	}
	s.since = time.Now()
	p.last = s.since
	p.idle = append(p.idle, s)
	if !p.sweeping {
		p.sweeping = true
		time.AfterFunc(p.keepFor, p.sweep)
	}
}

// end has the thread of s end. The caller has the lock, and s is not among p.idle.
func (p *starters) end(s *starter) {
	p.all--
	close(s.commands)
}

// sweep ends the threads that have waited long enough. There is one timer for all of
// them, which runs on: one for each wait would cost more than the wait does.
func (p *starters) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		s := p.idle[0]
		if left := p.keepFor - time.Since(s.since); left > 0 {
			time.AfterFunc(left, p.sweep)
			return
		}
		p.idle = slices.Delete(p.idle, 0, 1)
		p.end(s)
	}
	p.sweeping = false
}

// fakeClock reports whether the calling goroutine sees another time than the system:
// then it is in a bubble of testing/synctest, as is each goroutine that it starts, and
// nobody outside may use their channels.
func fakeClock() bool {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME, &now); err != nil {
		return true
	}
	return time.Since(time.Unix(now.Unix())).Abs() > time.Minute
}
