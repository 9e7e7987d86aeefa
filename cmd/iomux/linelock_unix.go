//go:build unix && !linux && experimental_unix

package main

import "golang.org/x/sys/unix"

func reopen(int) int { return -1 }

func lock(int, lockKind) error { return unix.ENOSYS }

func unlock(int, lockKind) {}
