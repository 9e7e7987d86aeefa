//go:build linux || (unix && experimental_unix)

package iomux

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/seed-5082a588/iomux/internal/wait"
)

// Output runs cmd and yields everything that it writes to its standard output
// and standard error, in the order of the writes, tagged [Stdout] and
// [Stderr]. It is [Mux.Output] on a [NewPipe] Mux of its own, which any
// program can write to, or on a [New] Mux where the system has no such pipes.
// If neither can be made, it yields that error.
func Output(cmd *exec.Cmd) iter.Seq2[TaggedData, error] { return OutputWith(cmd, nil) }

// OutputWith is [Output] with a start function; see [Mux.OutputWith].
func OutputWith(cmd *exec.Cmd, start func(*exec.Cmd) error) iter.Seq2[TaggedData, error] {
	return func(yield func(TaggedData, error) bool) {
		m, err := newForAny()
		if err != nil {
			yield(TaggedData{}, err)
			return
		}
		defer m.Close()
		m.OutputWith(cmd, start)(yield)
	}
}

// newForAny makes a Mux for any program.
func newForAny() (*Mux, error) {
	if m, err := newPipeMux(); err == nil {
		return m, nil
	}
	return New()
}

// Output runs cmd, which must not have been started, with new senders tagged
// [Stdout] and [Stderr], and yields everything that comes out of the Mux
// until the end of output; then it waits for cmd. Output of other open
// senders of the Mux is yielded too, and keeps the loop going. Nothing
// happens before the loop begins, and there can be only one loop for a cmd. A
// Mux can have one loop at a time, and no other reader meanwhile: the loop
// does not see what others read, and their reads invalidate its Data.
//
// Data belongs to the Mux, and is valid until the next iteration. The loop
// blocks while there is nothing to read, until cmd has exited and the output
// has ended, so a process that inherited a sender from cmd keeps it waiting.
// cmd.WaitDelay bounds that, and [Mux.Close] ends it; the context of cmd only
// kills cmd.
//
// At most one error is yielded, as the last value and with no Data: that of
// [Mux.MakeTaggedSender], of [exec.Cmd.Start] unchanged, of [exec.Cmd.Wait]
// (such as an [*exec.ExitError]), or of a read, which closes the Mux. If cmd
// is nil, or cmd.Stdout or cmd.Stderr is set, the error says so and nothing
// is started.
//
// cmd.WaitDelay means what it means in os/exec: if it is not zero, it bounds
// the time from the exit of cmd, or from the end of its context, until the
// end of output, in case another process still holds a sender. When it has
// passed, what is queued is still yielded, and the error is
// [exec.ErrWaitDelay] if there was no other. The Mux stays open.
//
// If the loop is left early, the Mux is closed, so that the next write of cmd
// fails, and Output still waits for cmd to exit, so that neither cmd nor a
// goroutine is left behind. Output does not kill cmd; the context of
// [exec.CommandContext] does.
func (m *Mux) Output(cmd *exec.Cmd) iter.Seq2[TaggedData, error] { return m.OutputWith(cmd, nil) }

// OutputWith is [Mux.Output] with a start function, which is called instead
// of cmd.Start and must start cmd or return an error. While it runs,
// cmd.Stdout and cmd.Stderr are the senders, each an [*os.File]; it must not
// keep them. If start is nil, OutputWith is Output. (*exec.Cmd).Start is the
// plain start of os/exec.
func (m *Mux) OutputWith(cmd *exec.Cmd, start func(*exec.Cmd) error) iter.Seq2[TaggedData, error] {
	return func(yield func(TaggedData, error) bool) {
		if err := checkOutputUnset("Output", cmd); err != nil {
			yield(TaggedData{}, err)
			return
		}
		r, err := m.run(cmd, start, streams{Stdout, Stderr, true, true})
		if err != nil {
			yield(TaggedData{}, err)
			return
		}
		err, waitErr, ok := r.read(yield)
		if err == nil || err == exec.ErrWaitDelay && waitErr != nil {
			err = waitErr
		}
		if ok && err != nil {
			yield(TaggedData{}, err)
		}
	}
}

// checkOutputUnset returns an error if cmd is nil or its output is already set.
func checkOutputUnset(what string, cmd *exec.Cmd) error {
	switch {
	case cmd == nil:
		return fmt.Errorf("iomux: %s of a nil Cmd", what)
	case cmd.Stdout != nil:
		return fmt.Errorf("iomux: %s: Stdout already set", what)
	case cmd.Stderr != nil:
		return fmt.Errorf("iomux: %s: Stderr already set", what)
	}
	return nil
}

// Start starts cmd with new senders of the Mux as its standard output and
// standard error, tagged stdout and stderr. If the tags are equal, one sender
// serves as both. The output ends when cmd and all who inherited a sender
// from it have closed it; with [NewPipe], not before cmd has exited.
// cmd.Stdout and cmd.Stderr must be nil, and are nil again when Start
// returns.
//
// Start does not wait for cmd or read the Mux. The caller must do both: read
// until [io.EOF], and call cmd.Wait before, after or during that.
// cmd.WaitDelay bounds only what os/exec itself waits for, such as a
// cmd.Stdin that is copied. To bound the wait for the end of output, end the
// context of the read; the examples of the package show how.
//
// The errors are those of [Mux.MakeTaggedSender], and that of
// [exec.Cmd.Start] unchanged. If cmd is nil, or cmd.Stdout or cmd.Stderr is
// set, the error says so. After an error nothing runs, and no sender is left.
func (m *Mux) Start(cmd *exec.Cmd, stdout, stderr string) error {
	return m.StartWith(cmd, stdout, stderr, nil)
}

// StartWith is [Mux.Start] with a start function; see [Mux.OutputWith].
func (m *Mux) StartWith(cmd *exec.Cmd, stdout, stderr string, start func(*exec.Cmd) error) error {
	if err := checkOutputUnset("Start", cmd); err != nil {
		return err
	}
	return m.start(cmd, start, streams{stdout, stderr, true, true})
}

// streams says which streams of a command go to a Mux, and their tags. The others
// are discarded, as os/exec does it.
type streams struct {
	stdout, stderr         string
	wantStdout, wantStderr bool
}

// start starts cmd on new senders, of which only cmd has copies then.
func (m *Mux) start(cmd *exec.Cmd, start func(*exec.Cmd) error, s streams) error {
	if start == nil {
		start = startAuto
	}
	outWriter, errWriter := cmd.Stdout, cmd.Stderr
	defer func() { cmd.Stdout, cmd.Stderr = outWriter, errWriter }()
	cmd.Stdout, cmd.Stderr = nil, nil
	var senders []*os.File
	defer func() { closeSenders(senders) }()
	if s.wantStdout {
		f, err := m.MakeTaggedSender(s.stdout)
		if err != nil {
			return err
		}
		cmd.Stdout = f
		senders = append(senders, f)
	}
	switch {
	case s.wantStdout && s.wantStderr && s.stdout == s.stderr:
		cmd.Stderr = cmd.Stdout
	case s.wantStderr:
		f, err := m.MakeTaggedSender(s.stderr)
		if err != nil {
			return err
		}
		cmd.Stderr = f
		senders = append(senders, f)
	}
	if err := start(cmd); err != nil {
		return err
	}
	if m.hold(cmd, senders) {
		senders = nil
	}
	return nil
}

// closeSenders closes senders that somebody else has copies of, who may be writing.
func closeSenders(senders []*os.File) {
	var calls []func()
	for _, s := range senders {
		calls = append(calls, func() { s.Close() })
	}
	wait.Bounded(calls...)
}

// reapAfter is how long a command runs before a goroutine waits for it: most are
// over sooner.
const reapAfter = 20 * time.Millisecond

// A run is a command that is running on a Mux.
type run struct {
	m    *Mux
	cmd  *exec.Cmd
	reap func() error // Wait of cmd, once

	// A goroutine that waits for the command, and the thread for that, cost more than
	// everything else does here. So there is none for a command whose output ends
	// soon, if nothing but its exit is to be waited for.
	timer *time.Timer // calls reap; nil if watch does

	ctx    context.Context // ends when WaitDelay is over
	cancel context.CancelFunc
	killed time.Time     // when the command's context ended, if it did
	done   chan struct{} // closed when nobody reads any more
}

// run starts cmd, and has it waited for.
func (m *Mux) run(cmd *exec.Cmd, start func(*exec.Cmd) error, s streams) (*run, error) {
	r := &run{m: m, cmd: cmd, ctx: context.Background()}
	r.noteCancel()
	wait := cmd.Wait
	if start == nil {
		start = func(cmd *exec.Cmd) (err error) {
			wait, err = startWaited(cmd)
			return err
		}
	}
	if err := m.start(cmd, start, s); err != nil {
		return nil, err
	}
	r.reap = sync.OnceValue(wait)
	if cmd.Cancel == nil && cmd.WaitDelay == 0 {
		r.timer = time.AfterFunc(reapAfter, func() { r.reap() })
		return r, nil
	}
	r.ctx, r.cancel = context.WithCancel(r.ctx)
	r.done = make(chan struct{})
	go r.watch()
	return r, nil
}

// noteCancel has the end of the command's context noted. Wait synchronizes with
// the goroutine of os/exec that calls Cancel.
func (r *run) noteCancel() {
	if cancel := r.cmd.Cancel; cancel != nil && r.cmd.WaitDelay != 0 {
		r.cmd.Cancel = func() error {
			r.killed = time.Now()
			return cancel()
		}
	}
}

// watch waits for the command to exit, then for WaitDelay to pass.
func (r *run) watch() {
	defer r.cancel()
	r.reap()
	delay := r.cmd.WaitDelay
	if delay == 0 {
		<-r.done
		return
	}
	if !r.killed.IsZero() {
		delay -= time.Since(r.killed)
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.done:
	}
}

// wait ends the reading, and returns the error of Wait.
func (r *run) wait() error {
	if r.timer != nil {
		r.timer.Stop()
		return r.reap()
	}
	close(r.done)
	err := r.reap()
	<-r.ctx.Done() // then the goroutine has nothing left to do
	return err
}

// read forwards everything, then waits for cmd, even if yield panics. It returns the
// error of reading and that of Wait, and reports whether yield wanted all of it.
func (r *run) read(yield func(TaggedData, error) bool) (readErr, waitErr error, ok bool) {
	r.m.holdData()
	defer r.m.dropData()
	waited := false
	defer func() {
		if !waited {
			r.m.Close()
			r.wait()
		}
	}()
	readErr, ok = r.forward(yield)
	if !ok || readErr != nil && readErr != exec.ErrWaitDelay {
		r.m.Close() // cmd must not wait for a reader that is gone
	}
	waitErr = r.wait()
	waited = true
	return readErr, waitErr, ok
}

// forward yields what comes out of the Mux, until its end or that of WaitDelay.
// It reports whether to go on.
func (r *run) forward(yield func(TaggedData, error) bool) (err error, ok bool) {
	for {
		d, err := r.m.ReadContext(r.ctx)
		switch {
		case err == io.EOF:
			return nil, true
		case err != nil && err == r.ctx.Err():
			return r.drain(yield)
		case err != nil:
			return err, true
		case !yield(d, nil):
			return nil, false
		}
	}
}

// drain yields what is queued, but no more than can be queued at one time, so that a
// writer that never stops cannot keep it going.
func (r *run) drain(yield func(TaggedData, error) bool) (err error, ok bool) {
	last := r.m.backlog()
	for left := last; left > 0; left-- {
		d, ok, err := r.m.TryRead()
		switch {
		case err == io.EOF:
			return nil, true
		case err != nil:
			return err, true
		case !ok:
			return exec.ErrWaitDelay, true
		case !yield(d, nil):
			return nil, false
		}
		now := r.m.backlog()
		left += max(now-last, 0) // a pipe was found to be larger
		last = now
	}
	return exec.ErrWaitDelay, true
}

func (m *Mux) backlog() int { return m.t.backlog() }
