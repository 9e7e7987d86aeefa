//go:build unix && !linux

package guard

import "os/exec"

func start(cmd *exec.Cmd) error { return cmd.Start() }

func startWaited(cmd *exec.Cmd) (wait func() error, err error) { return cmd.Wait, cmd.Start() }
