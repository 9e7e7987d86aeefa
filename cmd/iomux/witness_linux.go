package main

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A witness is a process in the process group of iomux that shows whether a
// signal was sent to the whole group, the command included, as a terminal does
// it, or to iomux alone. os/signal does not tell who sent a signal.
//
// The witness has called execve and is held there by ptrace(2): it never runs, and
// what signals it is sent stay pending, to be seen in /proc. It dies with iomux.
type witness struct {
	pid   atomic.Int64
	also  uint64        // what the one before was sent and nobody has asked about, a bit each
	renew chan struct{} // asks for another one, which comes by ready
	ready chan held
	end   chan struct{}
}

// held is a process that is held, and what the one before had pending.
type held struct {
	pid    int // 0 if there is none
	before uint64
}

// witnessDelay is how much later than iomux a witness may get the signal. The
// kernel sends a signal to all of a group in one go, but a virtual processor may be
// taken away in the middle of that.
const witnessDelay = 100 * time.Millisecond

// newWitness starts one if there is a terminal whose signals it could see. It
// returns nil if there is none, or where nobody can be traced.
func newWitness() *witness {
	tty, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	unix.Close(tty)
	w := &witness{renew: make(chan struct{}), ready: make(chan held), end: make(chan struct{})}
	go w.hold()
	if w.take(); w.pid.Load() == 0 {
		return nil
	}
	return w
}

// hold is the thread that traces the witnesses: one after the other, as what is
// pending stays so.
func (w *witness) hold() {
	runtime.LockOSThread() // for ever: the thread goes, and what it traces
	var before held
	for {
		pid, err := startHeld()
		if err != nil {
			pid = 0
		}
		now := held{pid: pid, before: pending(before.pid)} // in this order: one of the two gets each signal
		endHeld(before.pid)
		w.ready <- now
		before = now
		select {
		case <-w.renew:
		case <-w.end:
			endHeld(pid)
			close(w.ready)
			return
		}
	}
}

// close ends the witness and waits for that: it must not be left to another
// process to reap.
func (w *witness) close() {
	if w != nil {
		close(w.end)
		<-w.ready
	}
}

func (w *witness) take() {
	h := <-w.ready
	w.pid.Store(int64(h.pid))
	w.also |= h.before
}

// number is the process number of the witness, or 0.
func (w *witness) number() int {
	if w == nil {
		return 0
	}
	return int(w.pid.Load())
}

// saw reports whether the group got the signal. Only one goroutine may call it.
func (w *witness) saw(sig syscall.Signal) bool {
	bit := uint64(1) << (sig - 1)
	seen := w.also&bit != 0
	for deadline := time.Now().Add(witnessDelay); ; time.Sleep(time.Millisecond) {
		if pending(int(w.pid.Load()))&bit != 0 {
			w.renew <- struct{}{}
			w.take()
			seen = true
		}
		w.also &^= bit
		if seen || time.Now().After(deadline) {
			return seen
		}
	}
}

// startHeld starts a program in the group of iomux that stops before its first
// instruction.
func startHeld() (pid int, err error) {
	// If it should run all the same, it prints its version into nothing.
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	pid, err = syscall.ForkExec("/proc/self/exe", []string{"iomux", "-version"}, &syscall.ProcAttr{
		Dir:   "/",
		Files: []uintptr{null.Fd(), null.Fd(), null.Fd()},
		Sys:   &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		return 0, err
	}
	var status unix.WaitStatus
	_, err = unix.Wait4(pid, &status, unix.WALL, nil)
	if err == nil && status.Stopped() {
		err = unix.PtraceSetOptions(pid, unix.PTRACE_O_EXITKILL)
	}
	if err != nil || !status.Stopped() {
		endHeld(pid)
		return 0, errors.New("not held")
	}
	return pid, nil
}

func endHeld(pid int) {
	if pid == 0 {
		return
	}
	unix.Kill(pid, unix.SIGKILL)
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, unix.WALL, nil)
		if err != unix.EINTR && (err != nil || status.Exited() || status.Signaled()) {
			return
		}
	}
}

// pending returns what a process was sent and has not handled, a bit each.
func pending(pid int) uint64 { return signalSet(pid, "ShdPnd") }

// signalSet is one of the sets of signals in /proc/PID/status, a bit each.
func signalSet(pid int, name string) uint64 {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	_, line, _ := bytes.Cut(status, []byte("\n"+name+":"))
	line, _, _ = bytes.Cut(line, []byte("\n"))
	set, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 64)
	if err != nil {
		return 0
	}
	return set
}
