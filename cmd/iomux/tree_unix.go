//go:build unix && !linux && experimental_unix

package main

import (
	"errors"
	"syscall"
)

// There are no trees on this system.
type tree struct{}

func newTree(func() int) (*tree, error)  { return nil, errors.New("-kill-group exists on Linux only") }
func (*tree) signal(syscall.Signal, int) {}
func (*tree) reap(int)                   {}
func (*tree) end()                       {}
