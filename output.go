//go:build linux || (unix && experimental_unix)

package iomux

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os/exec"
	"time"
)

// Output runs cmd and gives everything that it writes to its standard output and
// standard error, in the order of the writes, tagged [Stdout] and [Stderr]. It is
// [Mux.Output] on a [New] Mux that is closed at the end; if there is no making
// one, that is the error.
//
// For a cmd that cannot write to a socket, such as Node.js, take the Mux.Output of
// a [NewPipe] Mux.
func Output(cmd *exec.Cmd) iter.Seq2[TaggedData, error] {
	return func(yield func(TaggedData, error) bool) {
		m, err := New()
		if err != nil {
			yield(TaggedData{}, err)
			return
		}
		defer m.Close()
		m.Output(cmd)(yield)
	}
}

// Output runs cmd, which must not be started, with new senders tagged [Stdout]
// and [Stderr], and gives everything that comes out of the Mux until its end of
// output; then it waits for cmd. Other senders of the Mux that are open are
// heard too, and keep it going. Nothing happens before the loop begins, and there
// can be one loop for a cmd. One loop at a time on a Mux, and no other reader:
// what others read does not come here, and spoils the Data that is held here.
//
// Data belongs to the Mux, and is valid until the loop goes on. The loop blocks
// while there is nothing to read, and while cmd runs: until its exit and the end
// of output, so whoever inherited a sender from cmd keeps it waiting. What ends
// that is cmd.WaitDelay, and [Mux.Close]; the context of cmd only kills cmd.
//
// At most one error is given, last, with no Data: that of [Mux.MakeTaggedSender],
// of [exec.Cmd.Start], of [exec.Cmd.Wait] (such as [*exec.ExitError]), or of a
// read, which closes the Mux. If cmd is nil, or cmd.Stdout or cmd.Stderr is set,
// that is the error and nothing is started.
//
// cmd.WaitDelay means what it means in os/exec: if it is not zero, it bounds the
// time from the exit of cmd, or from the end of its context, until the end of
// output, for which somebody else who still holds a sender may otherwise keep
// the loop waiting. When it is over, what is queued is still given, and the
// error is [exec.ErrWaitDelay] if there was no other. The Mux stays open.
//
// When the loop is left early, the Mux is closed, so that the next write of cmd
// fails, and Output still waits for cmd to exit: no process and no goroutine is
// left behind. It does not kill cmd: the context of [exec.CommandContext] does.
func (m *Mux) Output(cmd *exec.Cmd) iter.Seq2[TaggedData, error] {
	return func(yield func(TaggedData, error) bool) {
		r, err := m.start(cmd)
		if err != nil {
			yield(TaggedData{}, err)
			return
		}
		complete := false
		defer func() {
			if !complete { // left early, by whatever way
				m.Close()
				r.wait()
			}
		}()
		err, ok := r.forward(yield)
		if !ok {
			return
		}
		if err != nil && err != exec.ErrWaitDelay {
			m.Close() // cmd must not wait for a reader that is gone
		}
		waitErr := r.wait()
		complete = true
		if err == nil || err == exec.ErrWaitDelay && waitErr != nil {
			err = waitErr
		}
		if err != nil {
			yield(TaggedData{}, err)
		}
	}
}

// A run is a command that is running on a Mux.
type run struct {
	m      *Mux
	cmd    *exec.Cmd
	ctx    context.Context // ends when WaitDelay is over
	cancel context.CancelFunc
	killed time.Time     // when the command's context ended, if it did
	exited chan error    // what Wait gives
	done   chan struct{} // closed when nobody reads any more
}

// start starts cmd on new senders, of which only cmd has copies then.
func (m *Mux) start(cmd *exec.Cmd) (*run, error) {
	switch {
	case cmd == nil:
		return nil, errors.New("iomux: Output of a nil Cmd")
	case cmd.Stdout != nil:
		return nil, errors.New("iomux: Output: Stdout of the Cmd is already set")
	case cmd.Stderr != nil:
		return nil, errors.New("iomux: Output: Stderr of the Cmd is already set")
	}
	stdout, err := m.MakeTaggedSender(Stdout)
	if err != nil {
		return nil, err
	}
	defer stdout.Close()
	stderr, err := m.MakeTaggedSender(Stderr)
	if err != nil {
		return nil, err
	}
	defer stderr.Close()

	r := &run{m: m, cmd: cmd, exited: make(chan error, 1), done: make(chan struct{})}
	r.noteCancel()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err = startAuto(cmd)
	cmd.Stdout, cmd.Stderr = nil, nil
	if err != nil {
		return nil, fmt.Errorf("iomux: start command: %w", err)
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
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
	r.exited <- r.cmd.Wait()
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

// wait ends the reading, and gives the error of Wait.
func (r *run) wait() error {
	close(r.done)
	err := <-r.exited
	<-r.ctx.Done() // then the goroutine has nothing left to do
	return err
}

// forward gives what comes out of the Mux, until its end or that of WaitDelay.
// It tells whether to go on.
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

// drain gives what is queued, and no more than could be queued at its start, so
// that a writer that never stops does not keep it going.
func (r *run) drain(yield func(TaggedData, error) bool) (err error, ok bool) {
	for range r.m.backlog() {
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
	}
	return exec.ErrWaitDelay, true
}

func (m *Mux) backlog() int { return m.t.backlog() }
