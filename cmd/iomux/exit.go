//go:build linux || (unix && experimental_unix)

package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// Exit codes of iomux itself, the same as those of env(1) and the shells.
const (
	exitStrict        = 1 // -strict, and the command succeeded
	exitFailed        = 125
	exitNotExecutable = 126
	exitNotFound      = 127
	exitSignal        = 128 // and the number of the signal
)

// A result is how the command ended.
type result struct {
	code   int            // what a shell shows
	signal syscall.Signal // that killed it, 0 if none did
}

func killedBy(sig syscall.Signal) result { return result{exitSignal + int(sig), sig} }

func resultOf(state *os.ProcessState) result {
	if state == nil {
		return result{code: exitFailed}
	}
	status, ok := state.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return killedBy(status.Signal())
	}
	return result{code: state.ExitCode()}
}

// startCode is the exit code for a command that could not be started.
func startCode(err error) int {
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return exitNotFound
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOMEM), errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return exitFailed // no fault of the command
	}
	return exitNotExecutable
}

// startCause is why it could not, without the words of os/exec.
func startCause(err error) error {
	if cause := errors.Unwrap(err); cause != nil {
		return cause
	}
	return err
}
