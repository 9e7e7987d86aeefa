package iomux

import (
	"errors"
	"fmt"
	"os/exec"

	"github.com/seed-5082a588/iomux/internal/guard"
	"github.com/seed-5082a588/iomux/internal/seccomp"
)

// StartBlocking starts cmd as cmd.Start does, and prevents it and all its
// descendants from making its standard output and standard error nonblocking:
// the guard. It is meant as the start function of [Mux.OutputWith],
// [Mux.RunWith] and [Mux.StartWith]; called directly, it keeps any pipe or
// socket in cmd.Stdout or cmd.Stderr blocking.
//
// O_NONBLOCK belongs to the pipe, not to the process that sets it (fcntl(2)).
// If Node.js, ssh or Python's asyncio set it, every other process that writes
// there gets EAGAIN once the pipe is full, and most programs lose output
// then. Under the guard, setting the flag appears to succeed and does
// nothing.
//
// The guard is a seccomp filter without a supervisor, which stays with cmd
// and its descendants. It costs them tens of nanoseconds for some of their
// system calls, and the caller a thread while cmd is being started. At most 32
// commands are started this way at a time; further calls wait. Without
// CAP_SYS_ADMIN the kernel requires no_new_privs, under which sudo and other
// setuid programs gain no rights. This is why a nil start function uses the
// guard only where it costs no rights (CAP_SYS_ADMIN, effective user ID 0,
// no_new_privs already set) or if cmd is a program of the Node.js family. It
// never does so in a goroutine that is locked to its thread.
//
// StartBlocking starts cmd from a thread of its own. So cmd does not inherit
// what the calling goroutine has set for its thread alone, such as a network
// namespace (see [runtime.LockOSThread]).
//
// An error that matches [errors.ErrUnsupported] says why there can be no
// guard: a kernel or an architecture without seccomp filters, a sandbox that
// refuses them, a cmd that is to be traced. Then cmd has not been started,
// and may be started in another way. Any other error is that of cmd.Start.
func StartBlocking(cmd *exec.Cmd) error {
	err := seccomp.Start(cmd, true)
	var refused *seccomp.Error
	if errors.As(err, &refused) {
		return fmt.Errorf("iomux: keep output blocking: %w", err)
	}
	return err
}

// startAuto starts cmd with the guard where that costs nothing, and without it
// where it costs something or cannot be had.
func startAuto(cmd *exec.Cmd) error {
	if seccomp.Locked() { // cmd is perhaps meant to inherit what this thread has
		return cmd.Start()
	}
	return guard.Start(cmd)
}

// startWaited is startAuto for a command that is waited for by the function that it
// returns, instead of cmd.Wait.
func startWaited(cmd *exec.Cmd) (wait func() error, err error) {
	if seccomp.Locked() {
		return cmd.Wait, cmd.Start()
	}
	return guard.StartWaited(cmd)
}
