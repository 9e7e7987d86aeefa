//go:build unix

// Package guard starts commands with the guard, which keeps their output blocking,
// where that costs them nothing.
package guard

import "os/exec"

// Start starts cmd with the guard where that costs nothing, and without it where it
// costs something or cannot be had. The caller must not be locked to its thread: with
// the guard cmd is started from another one, and does not inherit what this one has.
func Start(cmd *exec.Cmd) error { return start(cmd) }

// StartWaited is [Start] for a command that the caller waits for, by the function that
// it returns, which is to be called once, instead of cmd.Wait. With the guard, commands
// that come in quick succession are started from one thread.
func StartWaited(cmd *exec.Cmd) (wait func() error, err error) { return startWaited(cmd) }
