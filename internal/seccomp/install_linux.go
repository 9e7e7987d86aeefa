package seccomp

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// An Error says why there can be no filter. It matches [errors.ErrUnsupported],
// and the errno of the kernel.
type Error struct {
	Reason string // empty if the errno says it all
	Err    error
}

func (e *Error) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("seccomp filter: %v", e.Err)
	}
	return fmt.Sprintf("seccomp filter: %s (%v)", e.Reason, e.Err)
}

func (e *Error) Unwrap() error        { return e.Err }
func (e *Error) Is(target error) bool { return target == errors.ErrUnsupported }

// Install puts the calling thread under filter. The caller must have locked it, and
// must not use it for anything else afterwards; [OnThread] calls a function on such a
// thread. The processes and threads that it starts from then on are under the filter
// too, even after execve, and nothing removes it.
//
// If flags has SECCOMP_FILTER_FLAG_NEW_LISTENER, fd is the listener, closed on exec;
// otherwise fd is -1. Flags that the kernel does not know are an error, except
// SECCOMP_FILTER_FLAG_SPEC_ALLOW, which is then left out.
//
// The kernel asks for CAP_SYS_ADMIN in the user namespace, or for no_new_privs
// (see PR_SET_NO_NEW_PRIVS in prctl(2)), which Install sets for the thread if it
// may (noNewPrivs) and must. Any error is an [*Error], and there is no filter then,
// but no_new_privs may be set.
func Install(filter []unix.SockFilter, flags uintptr, noNewPrivs bool) (fd int, err error) {
	if architecture(runtime.GOARCH) == 0 {
		return -1, &Error{"unknown architecture " + runtime.GOARCH, unix.ENOSYS}
	}
	fd, errno := install(filter, flags)
	if errno == unix.EACCES && noNewPrivs {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return -1, &Error{"no_new_privs is refused", err}
		}
		fd, errno = install(filter, flags)
	}
	if errno != 0 {
		return -1, &Error{reason(errno, flags), errno}
	}
	return fd, nil
}

// reason explains what the kernel means.
func reason(errno unix.Errno, flags uintptr) string {
	listener := flags&unix.SECCOMP_FILTER_FLAG_NEW_LISTENER != 0
	switch {
	case errno == unix.EACCES:
		return "neither CAP_SYS_ADMIN nor no_new_privs"
	case errno == unix.EBUSY && listener:
		return "a filter of this process has a listener already"
	case errno == unix.EINVAL && listener:
		return "this kernel has no filters with a listener"
	case errno == unix.ENOSYS, errno == unix.EINVAL:
		return "not supported by this kernel"
	case errno == unix.EPERM:
		return "refused by the sandbox that this process is in"
	}
	return ""
}

// install uses seccomp(2), but prctl(2) where that does as well and this thread is
// under a filter of others: they may kill the process for a call that is not in
// their list, and prctl is in the list of whoever lets a program start others
// (@process of systemd has it).
func install(filter []unix.SockFilter, flags uintptr) (fd int, errno unix.Errno) {
	defer runtime.KeepAlive(filter)
	const speed = unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
	if flags&^speed == 0 && Filtered() {
		return -1, installByPrctl(filter)
	}
	fd, errno = installBySeccomp(filter, flags)
	if errno == unix.EINVAL && flags&speed != 0 { // before 4.17, and gVisor
		fd, errno = installBySeccomp(filter, flags&^speed)
	}
	if errno == unix.ENOSYS && flags&^speed == 0 { // before 3.17
		return -1, installByPrctl(filter)
	}
	return fd, errno
}

func installBySeccomp(filter []unix.SockFilter, flags uintptr) (fd int, errno unix.Errno) {
	n, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(fprog(filter)))
	if errno != 0 || flags&unix.SECCOMP_FILTER_FLAG_NEW_LISTENER == 0 {
		return -1, errno
	}
	return int(n), 0
}

func installByPrctl(filter []unix.SockFilter) unix.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(fprog(filter)), 0, 0, 0)
	return errno
}

// Filtered reports whether the calling thread is under a filter.
func Filtered() bool {
	mode, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0)
	return err == nil && mode == unix.SECCOMP_MODE_FILTER
}

// NoNewPrivs reports whether the calling thread has no_new_privs set already, so
// that setting it costs nothing.
func NoNewPrivs() bool {
	n, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	return err == nil && n == 1
}

// Privileged reports whether the calling thread has CAP_SYS_ADMIN in its user
// namespace, so that it needs no no_new_privs.
func Privileged() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	err := unix.Capget(&header, &data[0])
	return err == nil && data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}
