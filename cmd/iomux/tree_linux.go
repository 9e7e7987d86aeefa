package main

import (
	"bytes"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// killDelay is how long the processes of a tree have to end by SIGTERM, and how
// long they are waited for after SIGKILL.
const killDelay = 2 * time.Second

// A tree is the command and all that it has started, in whatever process group
// or session. What has lost its parent becomes a child of iomux, not of init
// (PR_SET_CHILD_SUBREAPER, prctl(2)), so nothing gets away.
type tree struct {
	spare func() int // a process that is none of it: the witness
}

func newTree(spare func() int) (*tree, error) {
	err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	return &tree{spare}, os.NewSyscallError("prctl", err)
}

// reap reaps the processes that have become children of iomux, except the command,
// which os/exec reaps.
func (t *tree) reap(command int) {
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, unix.SIGCHLD)
	for range ends {
		for _, p := range t.processes(true) {
			if p.parent == os.Getpid() && p.pid != command {
				unix.Wait4(p.pid, nil, unix.WNOHANG, nil)
			}
		}
	}
}

// A process is one as /proc shows it.
type process struct {
	pid, parent, group int
	dead               bool
	stopped            bool // by a signal, or by whoever traces it
}

// readProcess reads /proc/PID/stat. The name may have any characters in it, but
// the last parenthesis ends it.
func readProcess(pid int) (process, bool) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, false
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 3 {
		return process{}, false
	}
	p := process{pid: pid}
	switch fields[0][0] {
	case 'Z', 'X':
		p.dead = true
	case 'T', 't':
		p.stopped = true
	}
	p.parent, err = strconv.Atoi(string(fields[1]))
	if err == nil {
		p.group, err = strconv.Atoi(string(fields[2]))
	}
	return p, err == nil
}

// allProcesses are those that /proc shows: without it none.
func allProcesses() (all []process) {
	names, _ := os.ReadDir("/proc")
	for _, name := range names {
		if pid, err := strconv.Atoi(name.Name()); err == nil {
			if p, ok := readProcess(pid); ok {
				all = append(all, p)
			}
		}
	}
	return all
}

// processes are the living processes of the tree, or the dead ones that nobody
// has waited for yet.
func (t *tree) processes(dead bool) []process {
	children := map[int][]process{}
	for _, p := range allProcesses() {
		children[p.parent] = append(children[p.parent], p)
	}
	var found []process
	for parents := []int{os.Getpid()}; len(parents) > 0; parents = parents[1:] {
		for _, p := range children[parents[0]] {
			if p.parent == os.Getpid() && t.spares(p.pid) {
				continue
			}
			parents = append(parents, p.pid)
			if p.dead == dead {
				found = append(found, p)
			}
		}
	}
	return found
}

// spares reports whether a child of iomux is a helper of its own.
func (t *tree) spares(pid int) bool {
	if pid == t.spare() {
		return true
	}
	exe, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	return strings.HasPrefix(exe, "/memfd:iomux-tty")
}

// signal sends a signal to all of the tree but one.
func (t *tree) signal(sig syscall.Signal, but int) {
	for _, p := range t.processes(false) {
		if p.pid != but {
			p.signal(sig)
		}
	}
}

// signal sends a signal, unless the process has ended meanwhile and another one
// has its number.
func (p process) signal(sig syscall.Signal) {
	fd, err := unix.PidfdOpen(p.pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if now, ok := readProcess(p.pid); ok && (now.parent == p.parent || now.parent == os.Getpid()) {
		unix.PidfdSendSignal(fd, sig, nil, 0)
	}
}

// end ends what is left of the tree: with SIGTERM, and then with SIGKILL. It returns
// when nothing is left, or when what is left cannot be killed.
func (t *tree) end() {
	t.signal(unix.SIGTERM, 0)
	t.signal(unix.SIGCONT, 0) // what was stopped could not end
	if !t.gone(func() {}) {
		t.gone(func() { t.signal(unix.SIGKILL, 0) })
	}
}

// gone waits until all have ended, for killDelay at most, and calls help meanwhile.
// It reports whether all have ended.
func (t *tree) gone(help func()) bool {
	for deadline := time.Now().Add(killDelay); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if len(t.processes(false)) == 0 {
			return true
		}
		help()
	}
	return false
}
