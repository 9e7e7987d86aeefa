//go:build unix && !linux

package guard

import "os/exec"

func start(cmd *exec.Cmd) error { return cmd.Start() }
