//go:build linux || (unix && experimental_unix)

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/supervised"
)

// patience is how long a command whose output nobody reads any more may take to end
// before it gets a signal.
const patience = time.Second

// ttyPatience is how long iomux waits at its end for the helper process of -tty to
// exit, which takes a moment, unless others still use the terminal.
const ttyPatience = 50 * time.Millisecond

var (
	errWaitOver = errors.New("the wait is over")
	errNoReader = errors.New("nobody reads the output any more")
)

// A job is a command that is running.
type job struct {
	mux     *iomux.Mux
	cmd     *exec.Cmd
	name    string // of the command, as it was given
	out     *streams
	sink    sink   // out, or the spool before it
	kept    *spool // the spool, nil if sink is out
	views   views  // what shows the output
	copies  *copies
	caught  <-chan chan os.Signal // gives signals
	signals chan os.Signal
	ignored []os.Signal // when iomux was started; passed on all the same
	witness *witness    // of signals to the process group, nil if there is none
	tree    *tree       // ends with the command; nil without -kill-group

	ctx    context.Context // ends when the wait for output does
	stop   context.CancelCauseFunc
	exited chan struct{} // closed when the command is gone
	alone  chan struct{} // closed when the tree is gone, too
	done   chan struct{} // closed when all is over

	limit      time.Duration             // of the wait after that
	exitTime   time.Time                 // set before exited is closed
	signalTime atomic.Pointer[time.Time] // of the last signal that was to end the command
	lastSignal atomic.Int32              // that signal

	gathered   int             // pieces since the last pause
	due        context.Context // of untilDue; nil before the first
	dueDone    context.CancelFunc
	complained bool // the command has written to standard error
	cut        bool // not everything was waited for, or printed
	strict     bool // complaints are failures
	copiesGoOn bool // when nobody reads the screen any more
	reopen     bool // the files, at SIGHUP
	tellsEnd   bool // the output says itself how the command ended
}

// execute runs the command that the options name. The result says how iomux must
// end.
func execute(o *options) result {
	out := newStreams()
	files, err := openCopies(o, out)
	if err != nil {
		out.complain("%v", err)
		return result{code: exitFailed}
	}
	defer files.close()
	caught := catchSoon() // not before: opening a FIFO may block forever
	mux, err := newMux(o, out)
	if err != nil {
		out.complain("%s", message(err))
		return result{code: exitFailed}
	}
	defer mux.Close()
	j := newJob(o, mux, out, files)
	j.caught = caught
	defer j.stop(nil)
	defer func() { j.witness.close() }()
	began := time.Now()
	if code := j.start(o); code != 0 {
		return result{code: code}
	}
	defer close(j.done)
	defer supervised.Wait(ttyPatience)
	j.views.started(began, j.cmd.Process.Pid)
	return j.finish(j.show())
}

func newJob(o *options, mux *iomux.Mux, out *streams, files *copies) *job {
	j := &job{mux: mux, out: out, sink: out, copies: files, limit: o.wait, exited: make(chan struct{}), alone: make(chan struct{}), done: make(chan struct{})}
	j.strict, j.copiesGoOn, j.reopen, j.tellsEnd = o.strict, o.copiesGoOn, o.reopen, o.json || o.annotate
	j.dueDone = func() {}
	if o.quiet {
		j.kept = newSpool(out)
		j.sink = j.kept
	}
	j.views = newViews(o, j.sink, out, files)
	j.ctx, j.stop = context.WithCancelCause(context.Background())
	return j
}

// start starts the command, which then alone holds the write ends of its output. It
// returns the exit code if that fails.
func (j *job) start(o *options) int {
	j.name = o.command[0]
	j.cmd = exec.Command(j.name, o.command[1:]...)
	if errors.Is(j.cmd.Err, exec.ErrDot) {
		j.cmd.Err = nil // whoever has . in PATH wants that, and every shell allows it
	}
	j.cmd.Stdin = os.Stdin
	j.witness = newWitness()
	if o.killGroup {
		var err error
		if j.tree, err = newTree(j.witness.number); err != nil {
			j.out.complain("%v", err)
			return exitFailed
		}
	}
	if err := j.startCommand(o); err != nil {
		return j.refused(o.refusal(err))
	}
	j.catchIgnored()
	if j.tree != nil {
		go j.tree.reap(j.cmd.Process.Pid)
	}
	go j.wait()
	go j.passOn()
	return 0
}

// startCommand starts the command, with the shell if it is a script without #!.
func (j *job) startCommand(o *options) error {
	start := func(cmd *exec.Cmd) error {
		return j.mux.StartWith(cmd, iomux.Stdout, iomux.Stderr, func(cmd *exec.Cmd) error {
			j.awaitSignals()
			return o.starter()(cmd)
		})
	}
	err := start(j.cmd)
	if !errors.Is(err, unix.ENOEXEC) {
		return err
	}
	script := asScript(j.cmd)
	if script == nil || start(script) != nil {
		return err
	}
	j.cmd = script
	return nil
}

// awaitSignals waits until signals are caught. It is called just before the command
// is started, because that takes as long as everything that comes before.
func (j *job) awaitSignals() {
	if j.signals == nil {
		j.signals = <-j.caught
	}
}

// wait waits for the command, then for what others may still write.
func (j *job) wait() {
	j.cmd.Wait() // ProcessState has the result
	j.exitTime = time.Now()
	close(j.exited)
	if j.tree == nil {
		close(j.alone)
		j.endWait()
		return
	}
	j.endTree()
	close(j.alone)
	// If anything holds the output all the same.
	time.AfterFunc(waitAfterSignal, func() { j.stop(errWaitOver) })
}

// endTree ends what the command has left behind, when that was waited for.
func (j *job) endTree() {
	if j.limit < forever {
		select {
		case <-time.After(j.limit):
		case <-j.ctx.Done():
		}
	}
	j.tree.end()
}

// finish waits for the command and returns how iomux must end, after the output has
// ended for this reason.
func (j *job) finish(reason error) result {
	if reason == errNoReader {
		j.abandon()
	} else if reason != nil {
		j.out.fail("%s", message(reason))
		j.mux.Close() // the command must not wait for a reader that is gone
	}
	<-j.alone
	r := resultOf(j.cmd.ProcessState)
	if j.mux.Nonblocking() {
		j.out.complain("%s: the output was made nonblocking, so some of it may be lost; -blocking=always prevents that", j.name)
	}
	j.views.finished(time.Now(), r)
	j.copies.close()
	if j.kept != nil {
		j.settle(r, j.result(r).code != 0)
	}
	j.out.flush()
	return j.result(r)
}

// refused reports a command that could not be started, in the logs too. It
// returns the exit code.
func (j *job) refused(message string, code int) int {
	j.views.refused(time.Now(), message, code)
	j.copies.close()
	if j.kept != nil {
		j.kept.replay(func() bool { return false })
	}
	if !j.tellsEnd || !j.out.shared() { // else it stands there already
		j.out.complain("%s", message)
	}
	return code
}

// result is how iomux must end, as far as is known, when the command has ended in
// this way.
func (j *job) result(r result) result {
	var sig signalled
	switch {
	case j.deserted() != nil:
		return killedBy(unix.SIGPIPE)
	case j.out.failed:
		return result{code: exitFailed}
	case j.cut && errors.As(context.Cause(j.ctx), &sig):
		return killedBy(sig.Signal)
	case r.code == 0 && j.strict && j.complained:
		return result{code: exitStrict}
	}
	return r
}

// settle prints what was kept, if it must be shown, and how the command ended. A
// signal ends that.
func (j *job) settle(r result, show bool) {
	if !show {
		j.kept.drop()
		return
	}
	before := j.ctx.Err()
	j.kept.replay(func() bool { return j.ctx.Err() != before })
	if j.ctx.Err() != before {
		j.cut = true
		if j.views.colored() {
			j.out.write(toStderr, []byte(redOff)) // what was to do that is not printed
		}
		return
	}
	if !j.tellsEnd {
		j.out.complain("%s", j.ending(r))
	}
}

// ending describes how the command ended.
func (j *job) ending(r result) string {
	switch {
	case r.signal != 0:
		return fmt.Sprintf("killed by signal %d (%s)", int(r.signal), signalName(r.signal))
	case r.code == 0 && j.strict && j.complained:
		return "exited with status 0, but wrote to standard error"
	}
	return fmt.Sprintf("exited with status %d", r.code)
}

// abandon ends a command whose output nobody reads any more: by SIGPIPE, as if
// it had written there itself, and if that is of no avail by SIGTERM.
func (j *job) abandon() {
	j.mux.Close()
	j.cmd.Process.Signal(unix.SIGPIPE)
	timer := time.AfterFunc(patience, func() { j.cmd.Process.Signal(unix.SIGTERM) })
	defer timer.Stop()
	<-j.exited
}
