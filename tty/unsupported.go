//go:build !linux || !(amd64 || arm64)

package tty

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
)

func start(*Terminal, *exec.Cmd) error {
	return &Error{fmt.Errorf("no such terminal on %s/%s: %w", runtime.GOOS, runtime.GOARCH, errors.ErrUnsupported)}
}
