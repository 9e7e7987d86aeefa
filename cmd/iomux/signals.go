//go:build linux || (unix && experimental_unix)

package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// groupDelay is how late a signal that was sent to the command as well may be
	// noticed here: a command that it has ended is then gone already, and what is
	// left of its output is still to be shown.
	groupDelay = 100 * time.Millisecond

	// waitAfterSignal is how long iomux waits, without -wait, for what others still
	// write, if the command has ended within endsWithin after a signal to iomux that
	// was to end it.
	waitAfterSignal = 2 * time.Second
	endsWithin      = 10 * time.Second

	// unreadTick is how often iomux then checks whether its own write is blocked.
	// Once a write has been blocked for waitAfterSignal, iomux gives up.
	unreadTick = waitAfterSignal / 4
)

// A signalled is the reason to stop waiting for output: the command is gone,
// and iomux itself is to end.
type signalled struct{ syscall.Signal }

func (s signalled) Error() string { return fmt.Sprintf("ended by %v", s.Signal) }

// passedOn are the signals that are passed on to the command.
var passedOn = []os.Signal{unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGINT}

// catchSoon calls catchSignals beside what else has to be done before the start of
// the command: os/signal needs three threads for the first one, as long a time as
// all of that together.
func catchSoon() <-chan chan os.Signal {
	caught := make(chan chan os.Signal, 1)
	go func() { caught <- catchSignals() }()
	return caught
}

// catchSignals catches the signals, except those that were ignored when iomux was
// started (by nohup, or in the background of a script): they stay ignored until
// the command is started, so that it ignores them, too.
func catchSignals() chan os.Signal {
	c := make(chan os.Signal, 16)
	ignoreAsBefore(c)
	for _, sig := range passedOn {
		if !signal.Ignored(sig) {
			signal.Notify(c, sig)
		}
	}
	return c
}

// catchIgnored catches the others when the command is started, because it may have
// decided to handle them.
func (j *job) catchIgnored() {
	for _, sig := range passedOn {
		if signal.Ignored(sig) {
			j.ignored = append(j.ignored, sig)
		}
	}
	if len(j.ignored) > 0 { // no signals at all would mean all
		signal.Notify(j.signals, j.ignored...)
	}
}

// passOn gives the command the signals that come, those from before its start
// too. After its end they end the wait for what others still write.
func (j *job) passOn() {
	for {
		select {
		case <-j.done:
			return
		case s := <-j.signals:
			j.passOnOne(s.(syscall.Signal))
		}
	}
}

func (j *job) passOnOne(sig syscall.Signal) {
	if sig == unix.SIGHUP && j.reopen {
		j.copies.reopen()
		return
	}
	gone := false
	if !j.hasReached(sig) {
		gone = ended(j.cmd.Process.Pid) || errors.Is(j.cmd.Process.Signal(sig), os.ErrProcessDone)
		if j.tree != nil && sig != unix.SIGUSR1 && sig != unix.SIGUSR2 {
			j.tree.signal(sig, j.cmd.Process.Pid)
		}
	}
	switch {
	case sig == unix.SIGUSR1 || sig == unix.SIGUSR2 || slices.Contains(j.ignored, os.Signal(sig)):
		// It is not to end anything.
	case gone:
		j.stop(signalled{sig})
		go j.endUnread(sig)
		signal.Reset(sig) // should the rest take too long
	default:
		j.lastSignal.Store(int32(sig))
		j.expectEnd()
	}
}

// hasReached reports whether the command got the signal as well, which was sent
// to the whole process group: by a terminal, for one.
func (j *job) hasReached(sig syscall.Signal) bool {
	switch {
	case j.goneFor(groupDelay) || !inOwnGroup(j.cmd.Process.Pid):
		return false
	case j.witness != nil:
		return j.witness.saw(sig)
	}
	return (sig == unix.SIGINT || sig == unix.SIGQUIT) && foreground()
}

// expectEnd notes that the command may end by a signal now, or has just done so.
func (j *job) expectEnd() {
	now := time.Now()
	j.signalTime.Store(&now)
	select {
	case <-j.exited:
		j.endWait()
	default:
	}
}

// endWait ends the wait for output when its time has come, after the command's
// end.
func (j *job) endWait() {
	limit := j.limit
	if limit == forever {
		at := j.signalTime.Load()
		if at == nil || j.exitTime.Sub(*at) > endsWithin {
			return
		}
		limit = waitAfterSignal
	}
	time.AfterFunc(limit, func() {
		j.stop(errWaitOver)
		if sig := j.lastSignal.Load(); sig != 0 {
			j.endUnread(syscall.Signal(sig))
		}
	})
}

// endUnread ends iomux by a signal that has ended the command, or would have, if
// what is left cannot be written: nobody reads it, and nobody may ever do so.
func (j *job) endUnread(sig syscall.Signal) {
	for ticks := time.NewTicker(unreadTick); ; {
		select {
		case <-j.done:
			return
		case <-ticks.C:
			if blockedFor(waitAfterSignal) {
				dieOf(sig)
			}
		}
	}
}

// inOwnGroup reports whether a process is in the process group of iomux. One that
// is gone is taken to have been.
func inOwnGroup(pid int) bool {
	group, err := unix.Getpgid(pid)
	return err != nil || group == ownGroup()
}

// ownGroup is the process group of iomux. It is not asked by Getpgrp, which has
// another signature on Solaris.
func ownGroup() int {
	group, _ := unix.Getpgid(0) // does not fail for oneself
	return group
}

// goneFor reports whether the command has ended that long ago.
func (j *job) goneFor(d time.Duration) bool {
	select {
	case <-j.exited:
		return time.Since(j.exitTime) > d
	default:
		return false
	}
}

// foreground reports whether a terminal sends its signals to this process group.
func foreground() bool {
	tty, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(tty)
	group, err := foregroundGroup(tty)
	if err != nil {
		return false
	}
	return group == ownGroup()
}
