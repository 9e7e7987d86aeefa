package main

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dieOf ends iomux by a signal, so that a shell sees what it would have seen of
// the command: a loop stops at Ctrl-C only then. It returns if the signal has no
// effect, as on the init process of a container.
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
func setDefault(sig syscall.Signal) {
	const setSize = 8    // of the kernel's sigset_t, rt_sigaction(2)
	var action [8]uint64 // SIG_DFL, no flags, an empty mask: all zero, in whatever order
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, setSize, 0, 0)
}

// unblock lets a signal through to this thread.
func unblock(sig syscall.Signal) {
	var set unix.Sigset_t
	bits := uint(unsafe.Sizeof(set.Val[0]) * 8)
	n := uint(sig) - 1
	set.Val[n/bits] |= 1 << (n % bits)
	unix.PthreadSigmask(unix.SIG_UNBLOCK, &set, nil)
}
