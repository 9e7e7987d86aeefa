//go:build unix && !linux && experimental_unix

package iomux

import (
	"errors"
	"fmt"
	"os/exec"
)

// StartBlocking is for Linux. On other systems it starts nothing, and its error
// matches [errors.ErrUnsupported].
func StartBlocking(*exec.Cmd) error {
	return fmt.Errorf("iomux: keep output blocking: %w", errors.ErrUnsupported)
}

func startAuto(cmd *exec.Cmd) error { return cmd.Start() }
