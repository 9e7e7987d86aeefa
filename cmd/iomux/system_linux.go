package main

import (
	"os"

	"golang.org/x/sys/unix"
)

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// foregroundGroup asks for 32 bits: IoctlGetInt would put them at the wrong end
// of its int on a big-endian machine.
func foregroundGroup(tty int) (int, error) {
	group, err := unix.IoctlGetUint32(tty, unix.TIOCGPGRP)
	return int(group), err
}

// ended reports whether a child of this process is gone, although it may not have
// been waited for yet: a signal to it is lost then, and no error tells.
func ended(pid int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == unix.ECHILD || err == nil && info.Signo != 0
}
