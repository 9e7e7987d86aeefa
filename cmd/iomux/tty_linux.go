package main

import "golang.org/x/sys/unix"

// foregroundGroup asks for 32 bits: IoctlGetInt would put them at the wrong end
// of its int on a big-endian machine.
func foregroundGroup(tty int) (int, error) {
	group, err := unix.IoctlGetUint32(tty, unix.TIOCGPGRP)
	return int(group), err
}
