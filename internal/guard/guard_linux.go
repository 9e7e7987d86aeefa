package guard

import (
	"errors"
	"os"
	"os/exec"

	"github.com/seed-5082a588/iomux/internal/node"
	"github.com/seed-5082a588/iomux/internal/seccomp"
)

func start(cmd *exec.Cmd) error { return startBy(seccomp.Start, cmd) }

func startWaited(cmd *exec.Cmd) (wait func() error, err error) {
	wait = cmd.Wait
	err = startBy(func(cmd *exec.Cmd, noNewPrivs bool) (err error) {
		wait, err = seccomp.StartWaited(cmd, noNewPrivs)
		return err
	}, cmd)
	return wait, err
}

// startBy starts cmd with the guard, by start, where that is free, and otherwise
// without it.
func startBy(start func(cmd *exec.Cmd, noNewPrivs bool) error, cmd *exec.Cmd) error {
	if noNewPrivs, free := isFree(cmd); free {
		err := start(cmd, noNewPrivs)
		var refused *seccomp.Error
		if !errors.As(err, &refused) {
			return err
		}
	}
	return cmd.Start()
}

// isFree reports whether the guard costs cmd nothing that it needs, and whether
// no_new_privs may be set for it.
func isFree(cmd *exec.Cmd) (noNewPrivs, free bool) {
	if seccomp.Privileged() || seccomp.NoNewPrivs() {
		return false, true
	}
	noNewPrivs = staysRoot(cmd) || node.Is(cmd)
	return noNewPrivs, noNewPrivs
}

// staysRoot reports whether cmd has what a setuid program could give it.
func staysRoot(cmd *exec.Cmd) bool {
	attr := cmd.SysProcAttr
	return os.Geteuid() == 0 && (attr == nil || attr.Credential == nil || attr.Credential.Uid == 0)
}
