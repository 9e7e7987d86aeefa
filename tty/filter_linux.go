//go:build amd64 || arm64

package tty

import (
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux/internal/seccomp"
)

// The commands of ioctl(2) that a terminal answers. They are the same on amd64
// and arm64.
const (
	tcgets     = 0x5401
	tcsets     = 0x5402
	tcsetsw    = 0x5403
	tcsetsf    = 0x5404
	tcsbrk     = 0x5409
	tcxonc     = 0x540a
	tcflsh     = 0x540b
	tiocoutq   = 0x5411
	tiocgwinsz = 0x5413
	tiocswinsz = 0x5414
	tcsbrkp    = 0x5425
	tcgets2    = 0x802c542a
	tcsets2    = 0x402c542b
	tcsetsw2   = 0x402c542c
	tcsetsf2   = 0x402c542d
)

// Not among them are those of job control (TIOCGPGRP, TIOCSPGRP, TIOCGSID,
// TIOCSCTTY, TIOCNOTTY): a terminal that is not the one of the session refuses
// them with ENOTTY, as pipes and sockets do. Besides, the runtime makes some of
// them between fork and exec, when no goroutine can run that would answer.
var terminalCalls = []uint32{
	tcgets, tcgets2, tiocgwinsz, // the frequent ones
	tcsets, tcsetsw, tcsetsf, tcsets2, tcsetsw2, tcsetsf2,
	tcsbrk, tcsbrkp, tcxonc, tcflsh, tiocoutq, tiocswinsz,
}

// rules say which system calls become questions: those that a terminal answers
// differently from a pipe or socket. Everything else is let through.
//
// fstat and the like are asked about for 1 and 2 only, for programs call them for
// every file that they open. O_NONBLOCK, by which those who share a terminal lose
// output, is kept away by the rules of the guard. It knows FIONBIO by the number
// of the descriptor only, so that is a question.
func rules(cmd *exec.Cmd) []seccomp.Rule {
	const ask = unix.SECCOMP_RET_USER_NOTIF
	output := seccomp.Match{Arg: 0, Values: []uint32{1, 2}}
	emptyPath := func(flags int) seccomp.Match {
		return seccomp.Match{Arg: flags, Mask: unix.AT_EMPTY_PATH, Values: []uint32{unix.AT_EMPTY_PATH}}
	}
	return append([]seccomp.Rule{
		{Call: unix.SYS_IOCTL, Where: []seccomp.Match{{Arg: 1, Values: terminalCalls}}, Action: ask},
		{Call: unix.SYS_IOCTL, Where: []seccomp.Match{{Arg: 1, Values: []uint32{fionbio}}, output}, Action: ask},
		{Call: unix.SYS_FSTAT, Where: []seccomp.Match{output}, Action: ask},
		{Call: sysFstatat, Where: []seccomp.Match{emptyPath(3), output}, Action: ask},
		{Call: unix.SYS_STATX, Where: []seccomp.Match{emptyPath(2), output}, Action: ask},
	}, seccomp.KeepBlocking(cmd)...)
}

const fionbio = 0x5421 // not in x/sys
