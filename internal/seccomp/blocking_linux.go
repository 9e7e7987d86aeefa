package seccomp

import (
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// mark is a flag of the open file description that means nothing for pipes and
// sockets, so that it can say "this one stays blocking". Whoever sets O_NONBLOCK
// asks for the flags first, and sets them all again: so a filter sees
// by the argument whether it is about a marked description, whatever its number.
const mark = unix.O_NOATIME

// fionbio is not in x/sys for Linux.
var fionbio = func() uint32 {
	switch {
	case strings.HasPrefix(runtime.GOARCH, "mips"):
		return 0x667e
	case strings.HasPrefix(runtime.GOARCH, "ppc"):
		return 0x8004667e
	}
	return 0x5421
}()

// KeepBlocking returns the rules under which cmd and all its descendants cannot
// make the output of cmd nonblocking. It must be called after Stdout and Stderr are
// set. If they are pipes or sockets, it marks their open file descriptions with a
// flag that nothing else heeds.
//
// The rules are:
//   - ioctl FIONBIO on 1 and 2 does nothing, and seems to succeed.
//   - So does fcntl F_SETFL that would set O_NONBLOCK on any descriptor of a marked
//     description, or that sets O_NONBLOCK and no other flag on 1 or 2. What is not
//     marked (a terminal, a file, the pipe that os/exec makes for an io.Writer) is
//     known by its number, 1 or 2.
//   - pwritev2 with RWF_NOWAIT fails with EOPNOTSUPP, as on files that do not support
//     it, because on a full pipe it would not wait. preadv2 is not affected.
//
// Clearing O_NONBLOCK always works. A filter sees numbers, and not what is behind
// them. So FIONBIO also has no effect on whatever a descendant puts at 1 and 2, and
// the rules do not stop another process, or a 32-bit one, from setting O_NONBLOCK.
func KeepBlocking(cmd *exec.Cmd) []Rule {
	return blockingRules(markOutput(cmd))
}

// markOutput marks the output of cmd where it can be, and returns the numbers of
// the descriptors that are not marked.
func markOutput(cmd *exec.Cmd) (unmarked []uint32) {
	if !markFile(cmd.Stdout) {
		unmarked = append(unmarked, 1)
	}
	if !markFile(cmd.Stderr) {
		unmarked = append(unmarked, 2)
	}
	return unmarked
}

// blockingRules has the rules of [KeepBlocking].
func blockingRules(unmarked []uint32) []Rule {
	nothing := Errno(0)
	output := Match{Arg: 0, Values: []uint32{1, 2}}
	rules := append(make([]Rule, 0, 8),
		Rule{unix.SYS_IOCTL, []Match{output, {Arg: 1, Values: []uint32{fionbio}}}, nothing},
		Rule{unix.SYS_PWRITEV2, []Match{{5, unix.RWF_NOWAIT, []uint32{unix.RWF_NOWAIT}}}, Errno(unix.EOPNOTSUPP)},
	)
	const both = mark | unix.O_NONBLOCK
	for _, call := range fcntlCalls {
		setFlags := Match{Arg: 1, Values: []uint32{unix.F_SETFL}}
		rules = append(rules,
			Rule{call, []Match{setFlags, {2, both, []uint32{both}}}, nothing},
			Rule{call, []Match{setFlags, output, {Arg: 2, Values: []uint32{unix.O_NONBLOCK}}}, nothing})
		if len(unmarked) > 0 {
			rules = append(rules, Rule{call, []Match{setFlags, {Arg: 0, Values: unmarked},
				{2, unix.O_NONBLOCK, []uint32{unix.O_NONBLOCK}}}, nothing})
		}
	}
	return rules
}

// markFile marks w if it is a pipe or socket, and reports whether it is marked.
func markFile(w any) (marked bool) {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	conn, err := f.SyscallConn() // unlike Fd it leaves the file as it is
	if err != nil {
		return false
	}
	conn.Control(func(fd uintptr) { marked = markFD(int(fd)) })
	return marked
}

func markFD(fd int) bool {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return false
	}
	if kind := st.Mode & unix.S_IFMT; kind != unix.S_IFIFO && kind != unix.S_IFSOCK {
		return false
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return false
	}
	if flags&mark == 0 { // only the owner may set it
		unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags|mark)
	}
	flags, err = unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return err == nil && flags&mark != 0
}

// Start starts cmd under [KeepBlocking], from another thread. An [*Error] says why
// there can be no filter, and cmd is not started then; any other error is that of
// cmd.Start. For noNewPrivs, see [Install].
//
// There is none for a cmd that is to be traced (SysProcAttr.Ptrace): its tracer
// would be the thread from which it is started.
func Start(cmd *exec.Cmd, noNewPrivs bool) error {
	attr := cmd.SysProcAttr
	if attr != nil && attr.Ptrace {
		return &Error{"not for a command that is traced", unix.ENOTSUP}
	}
	filter := Build(KeepBlocking(cmd)...)
	pid := 0
	var after func()
	if attr != nil && attr.Pdeathsig != 0 {
		after = func() { AwaitExit(pid) }
	}
	return OnThread(func() error {
		if _, err := Install(filter, unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, noNewPrivs); err != nil {
			return err
		}
		err := cmd.Start()
		if err == nil {
			pid = cmd.Process.Pid
		}
		return err
	}, after)
}

// AwaitExit waits until the child pid has exited, and leaves its status to
// cmd.Wait. If that was faster and another child has the number by now, it waits for
// that one. It returns at once for 0.
func AwaitExit(pid int) {
	if pid == 0 {
		return
	}
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}
