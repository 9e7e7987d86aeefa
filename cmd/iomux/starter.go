//go:build linux || (unix && experimental_unix)

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/guard"
	"github.com/seed-5082a588/iomux/tty"
)

// The values of -blocking.
const (
	blockingAuto   = "auto"
	blockingAlways = "always"
	blockingNever  = "never"
)

// starter returns how the command is started: by default, with the guard where it
// costs nothing.
func (o *options) starter() func(*exec.Cmd) error {
	switch {
	case o.tty != ttyOff:
		return func(cmd *exec.Cmd) error { return startUnderTTY(cmd, o.tty) }
	case o.blocking == blockingAlways:
		return iomux.StartBlocking
	case o.blocking == blockingNever:
		return (*exec.Cmd).Start
	}
	return guard.Start // what the library does, but no goroutine here is locked to a thread
}

// refusal explains in a line why the command was not started, and returns the exit
// code for that.
func (o *options) refusal(err error) (line string, code int) {
	var (
		noTerminal *tty.Error
		notFound   *exec.Error
		refused    *fs.PathError
	)
	switch {
	case errors.As(err, &noTerminal):
		return fmt.Sprintf("-tty: command not started: %v", noTerminal.Err), exitFailed
	case errors.As(err, &notFound), errors.As(err, &refused):
		return fmt.Sprintf("%s: %v", o.command[0], startCause(err)), startCode(err)
	case errors.Is(err, errors.ErrUnsupported):
		return fmt.Sprintf("-blocking=always: command not started: %v", message(err)), exitFailed
	}
	return message(err), exitFailed
}
