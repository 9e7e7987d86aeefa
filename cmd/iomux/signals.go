//go:build linux || (unix && experimental_unix)

package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// interruptDelay is how late an interrupt of the terminal may be noticed here: a
// command that it has ended is then gone already, and what is left of its output
// is still to be shown.
const interruptDelay = 100 * time.Millisecond

// A signalled is the reason to stop waiting for output: the command is gone,
// and iomux itself is to end.
type signalled struct{ syscall.Signal }

func (s signalled) Error() string { return fmt.Sprintf("ended by %v", s.Signal) }

// catchSignals has the signals caught that concern the command. One that iomux
// was started with ignoring (nohup, or SIGINT in the background of a script)
// stays ignored, for the command too.
func catchSignals() chan os.Signal {
	c := make(chan os.Signal, 16)
	for _, sig := range []os.Signal{unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGINT} {
		if !signal.Ignored(sig) {
			signal.Notify(c, sig)
		}
	}
	return c
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
	if sig == unix.SIGINT && !j.goneFor(interruptDelay) && foreground() {
		return // the terminal has sent it to the command as well
	}
	gone := ended(j.cmd.Process.Pid) || errors.Is(j.cmd.Process.Signal(sig), os.ErrProcessDone)
	if gone && sig != unix.SIGUSR1 && sig != unix.SIGUSR2 {
		j.stop(signalled{sig})
		signal.Reset(sig) // should the rest take too long
	}
}

// goneFor tells whether the command has ended that long ago.
func (j *job) goneFor(d time.Duration) bool {
	select {
	case <-j.exited:
		return time.Since(j.exitTime) > d
	default:
		return false
	}
}

// foreground tells whether a terminal sends its signals to this process group.
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
	own, err := unix.Getpgid(0)
	return err == nil && group == own
}
