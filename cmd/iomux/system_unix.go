//go:build unix && !linux && experimental_unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// isTerminal asks for the size of a window, for the request for a terminal's
// modes has more than one name among these systems.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	return err == nil
}

func foregroundGroup(tty int) (int, error) { return unix.IoctlGetInt(tty, unix.TIOCGPGRP) }

// ended is not known here until the child has been waited for.
func ended(int) bool { return false }
