package muxtest

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// LimitTo allows n more descriptors, if those that are open have no gaps.
func LimitTo(n int) (reset func()) {
	next := Must(unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3))
	unix.Close(next)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		panic(err)
	}
	SetLimit(uint64(next+n), old.Max)
	return func() { SetLimit(old.Cur, old.Max) }
}

// SetLimit limits the descriptors of this process.
func SetLimit(cur, max uint64) {
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: cur, Max: max}); err != nil {
		panic(err)
	}
}

// BecomeOrdinary makes this process one of an ordinary user, where it is not.
func BecomeOrdinary(uid string) {
	if os.Geteuid() != 0 {
		return
	}
	id := Must(strconv.Atoi(uid))
	for _, err := range []error{syscall.Setgroups(nil), syscall.Setgid(id), syscall.Setuid(id)} {
		if err != nil {
			panic(err)
		}
	}
}

// Backlog returns how many pieces of one sender of a Mux of kind k can have been
// written and not yet read, at most: a full queue, what came out of it with one
// system call, and the write that waits. A pipe is no more than a page.
func Backlog(k Kind) int {
	const batch = 12
	if k.Pipe {
		return 1 + batch
	}
	queue := 4096 // more than any, where the system does not say
	if text, err := os.ReadFile("/proc/sys/net/unix/max_dgram_qlen"); err == nil {
		queue = Must(strconv.Atoi(strings.TrimSpace(string(text))))
	}
	return queue + 1 + batch + 1
}

// Tick waits until what a Mux looks after from time to time is due.
func Tick() { time.Sleep(51 * time.Millisecond) }
