package seccomp

import (
	"bytes"
	"runtime"

	"golang.org/x/sys/unix"
)

// threads bounds how many run at a time, so that a thousand commands that are started
// at once do not need a thousand threads.
var threads = make(chan struct{}, 32)

// OnThread calls f on a thread of its own, never the main one, and returns what f
// returns. Then the thread ends: what f did to it, such as [Install], is gone. Only
// the children that f has started keep it. While 32 others run, it waits.
//
// If after is not nil it is called on the same thread, at last, and OnThread does not
// wait for that. The kernel counts it as the death of a child's parent
// when the thread ends from which the child was started (PR_SET_PDEATHSIG in
// prctl(2)).
//
// The thread has what every thread of the program has, and nothing that the caller's
// alone has, such as a network namespace: see [Locked].
func OnThread(f func() error, after func()) error {
	threads <- struct{}{}
	defer func() { <-threads }()
	done := make(chan error)
	go onOtherThread(func() {
		done <- f()
		if after != nil {
			after()
		}
	})
	return <-done
}

// onOtherThread calls f on a thread that ends with its goroutine, and never on the
// main thread: the runtime would keep that, and /proc would report what f did to it
// for the whole process. If this goroutine is on the main thread, it stays there until
// another goroutine has locked another thread.
func onOtherThread(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f() // the end of a locked goroutine is that of its thread
		return
	}
	defer runtime.UnlockOSThread()
	locked := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		close(locked)
		f()
	}()
	<-locked
}

// Locked reports whether the calling goroutine is locked to its thread. A program
// does that for what its thread alone has (a network namespace, other
// credentials), and a child may be meant to inherit it. Only a stack trace shows
// whether it is.
func Locked() bool {
	var buf [256]byte
	trace := buf[:runtime.Stack(buf[:], false)]
	head, _, _ := bytes.Cut(trace, []byte("\n"))
	return bytes.Contains(head, []byte("locked to thread"))
}
