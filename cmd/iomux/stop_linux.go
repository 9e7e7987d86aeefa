package main

import (
	"os"
	"os/signal"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// stopDelay is how long the processes of the group have to stop.
const stopDelay = time.Second

// catchStops has SIGTSTP caught, unless iomux ignores it: so will its command.
func catchStops() chan os.Signal {
	if signalSet(os.Getpid(), "SigIgn")&(1<<(unix.SIGTSTP-1)) != 0 {
		return nil
	}
	stops := make(chan os.Signal, 1)
	signal.Notify(stops, unix.SIGTSTP)
	return stops
}

// stopLast stops iomux at Ctrl-Z, but only after its command. A program such as
// less sets the modes of its terminal before it stops, and iomux has to answer. If
// both stopped at once, less would wait for the answer, go on at "fg", and only
// then stop.
func stopLast(stops chan os.Signal, command int) {
	for range stops {
		if groupStops(command) {
			stopSelf()
		}
	}
}

// groupStops waits until all other processes of the group have stopped or gone. If
// some never do it reports whether the command has, as iomux is to do the same.
func groupStops(command int) bool {
	group := ownGroup()
	for deadline := time.Now().Add(stopDelay); ; time.Sleep(5 * time.Millisecond) {
		others, commandRuns := 0, false
		for _, p := range allProcesses() {
			if p.group == group && p.pid != os.Getpid() && !p.dead && !p.stopped {
				others++
				commandRuns = commandRuns || p.pid == command
			}
		}
		if others == 0 || time.Now().After(deadline) {
			return !commandRuns
		}
	}
}

// stopSelf stops iomux, and returns when it goes on.
func stopSelf() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := setDefault(unix.SIGTSTP)
	defer setAction(unix.SIGTSTP, before)
	unix.Tgkill(unix.Getpid(), unix.Gettid(), unix.SIGTSTP)
}
