package main

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dieOf ends iomux by a signal, so that a shell sees the end that the command had:
// only then does Ctrl-C stop a loop. It returns if the signal has no effect, as on
// the init process of a container.
func dieOf(sig syscall.Signal) {
	// The command has dumped its core already if that was wanted.
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	runtime.LockOSThread()
	setDefault(sig)
	unblock(sig)
	unix.Tgkill(unix.Getpid(), unix.Gettid(), sig)
}

// setDefault gives a signal its default action. What signal.Reset gives it is the
// Go runtime's: that one prints the stacks at SIGQUIT and ignores SIGUSR1.
func setDefault(sig syscall.Signal) (before sigaction) {
	return setAction(sig, sigaction{})
}

// A sigaction is large enough for the kernel's. SIG_DFL, no flags and an empty mask
// are all zero, in whatever order.
type sigaction [8]uint64

func setAction(sig syscall.Signal, action sigaction) (before sigaction) {
	const setSize = 8 // of the kernel's sigset_t, rt_sigaction(2)
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), uintptr(unsafe.Pointer(&before)), setSize, 0, 0)
	return before
}

// unblock lets a signal through to this thread.
func unblock(sig syscall.Signal) {
	var set unix.Sigset_t
	bits := uint(unsafe.Sizeof(set.Val[0]) * 8)
	n := uint(sig) - 1
	set.Val[n/bits] |= 1 << (n % bits)
	unix.PthreadSigmask(unix.SIG_UNBLOCK, &set, nil)
}
