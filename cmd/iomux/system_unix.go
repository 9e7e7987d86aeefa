//go:build unix && !linux && experimental_unix

package main

import "golang.org/x/sys/unix"

func foregroundGroup(tty int) (int, error) { return unix.IoctlGetInt(tty, unix.TIOCGPGRP) }

// ended is not known here until the child has been waited for.
func ended(int) bool { return false }
