//go:build amd64 || arm64

package tty

import (
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// idOffset is where the file of the helper has the id of the last question. It is
// a multiple of every page size.
const idOffset = 64 << 10

// A helper is a process that waits for this one to be gone, and then answers in
// its place, so that no call of the command fails or waits forever.
//
// It is a program of its own, which needs a page of memory: a fork of this process
// would keep all of its memory. helper/amd64.s tells what it does.
type helper struct {
	pid  int
	life int // the write end of a pipe; when it is closed, the helper takes over
	page []byte
}

// startHelper starts a helper for the listener. It must not be called on a
// thread that has the filter: the helper would wait for itself to be gone.
func startHelper(listener int) (*helper, error) {
	if self, err := os.Readlink("/proc/self"); err != nil || self != strconv.Itoa(os.Getpid()) {
		return nil, unsupported("no /proc, or that of another PID namespace")
	}
	file, err := helperFile()
	if err != nil {
		return nil, err
	}
	defer unix.Close(file)
	h := &helper{}
	h.page, err = unix.Mmap(file, idOffset, 8, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, helperError("mmap", err)
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		unix.Munmap(h.page)
		return nil, helperError("pipe2", err)
	}
	defer unix.Close(pipe[0])
	h.life = pipe[1]
	h.pid, err = syscall.ForkExec("/proc/self/fd/2", []string{"iomux-tty"}, &syscall.ProcAttr{
		Dir:   "/",
		Files: []uintptr{uintptr(listener), uintptr(pipe[0]), uintptr(file)},
		// Out of reach of the terminal's signals.
		Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		h.release()
		return nil, helperError("fork/exec", err)
	}
	if !canWriteTo(h.pid) {
		h.kill()
		h.release()
		h.wait()
		return nil, unsupported("the memory of other processes cannot be written through /proc: kernel.yama.ptrace_scope, or another security module, forbids it")
	}
	return h, nil
}

// canWriteTo reports whether the memory of this child may be written. What is
// forbidden for the helper is for the command, too: it would see no terminal.
func canWriteTo(pid int) bool {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/mem", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err == unix.EMFILE || err == unix.ENFILE
	}
	unix.Close(fd)
	return true
}

func helperError(call string, err error) error {
	return fmt.Errorf("helper process: %w", os.NewSyscallError(call, err))
}

// helperFile returns a descriptor of a file in memory that has the program.
func helperFile() (int, error) {
	const name, mfdExec = "iomux-tty", 0x10
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|mfdExec)
	if err == unix.EINVAL { // before Linux 6.3
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	}
	if err != nil {
		return -1, helperError("memfd_create", err)
	}
	call := "pwrite"
	if _, err = unix.Pwrite(fd, helperProgram, 0); err == nil {
		call, err = "ftruncate", unix.Ftruncate(fd, idOffset+8)
	}
	if err != nil {
		unix.Close(fd)
		return -1, helperError(call, err)
	}
	return fd, nil
}

// recordID records the ID of a question for the helper, before it is answered.
func (h *helper) recordID(id uint64) {
	atomic.StoreUint64((*uint64)(unsafe.Pointer(&h.page[0])), id)
}

func (h *helper) kill() { unix.Kill(h.pid, unix.SIGKILL) }

// release lets the helper take over.
func (h *helper) release() {
	unix.Close(h.life)
	unix.Munmap(h.page)
}

// wait waits for the helper, which ends when nobody has the filter any more.
func (h *helper) wait() {
	for {
		if _, err := unix.Wait4(h.pid, nil, 0, nil); err != unix.EINTR {
			return
		}
	}
}
