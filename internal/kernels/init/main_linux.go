// Init is the first process of a machine: it runs the tests of the library, says
// how they ended, and switches the machine off.
//
// The file /packages holds the test binaries, a line each, with the directory
// that each is to run in. The file /args holds the arguments that all of them
// get, a line each, after their environment. With the argument "guest" it leaves
// the machine as it is, for another one has made it and ends it; the arguments
// after that are for the test binaries, too.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func main() {
	guest := len(os.Args) > 1 && os.Args[1] == "guest"
	err := errors.Join(prepare(guest), install(), describe())
	code := 125
	if err == nil {
		code, err = testAll(guest)
	}
	if err != nil {
		fmt.Println("init:", err)
	}
	fmt.Printf("\nexit code %d\n", code)
	if guest {
		os.Exit(code)
	}
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART) // for machines that cannot
}

// prepare mounts what tests need.
func prepare(guest bool) error {
	if guest {
		return nil
	}
	for _, m := range []struct{ kind, dir string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"},
	} {
		if err := unix.Mount(m.kind, m.dir, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.kind, err)
		}
	}
	for name, target := range map[string]string{"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"} {
		if err := os.Symlink("/proc/self/fd"+target, "/dev/"+name); err != nil {
			return err
		}
	}
	if os.Mkdir("/dev/pts", 0o755) == nil {
		unix.Mount("devpts", "/dev/pts", "devpts", 0, "") // tests without terminals skip themselves
	}
	return os.Chmod("/tmp", 0o1777)
}

// install gives busybox all its names.
func install() error {
	out, err := exec.Command("/bin/busybox", "--install", "-s", "/bin").CombinedOutput()
	if err != nil {
		return fmt.Errorf("busybox --install: %w\n%s", err, out)
	}
	return nil
}

// describe says what machine this is.
func describe() error {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return err
	}
	fmt.Printf("\nkernel %s %s page %d\n", unix.ByteSliceToString(name.Release[:]),
		unix.ByteSliceToString(name.Machine[:]), os.Getpagesize())
	return nil
}

// testAll runs all test binaries. It returns the first exit code that is not 0.
func testAll(guest bool) (int, error) {
	args, env, err := arguments()
	if err != nil {
		return 125, err
	}
	if guest {
		args = append(args, os.Args[2:]...)
	}
	binaries, err := os.ReadFile("/packages")
	if err != nil {
		return 125, err
	}
	first := 0
	for line := range strings.Lines(string(binaries)) {
		binary, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
		fmt.Printf("\n%s\n", binary)
		code, err := test(binary, dir, args, env)
		if err != nil {
			return code, err
		}
		if first == 0 {
			first = code
		}
	}
	return first, nil
}

// test runs a test binary, and reaps all processes that have lost their parents
// meanwhile. It returns the exit code of the tests.
func test(binary, dir string, args, env []string) (int, error) {
	pid, err := syscall.ForkExec(binary, append([]string{binary}, args...), &syscall.ProcAttr{
		Dir: dir, Env: append([]string{"PWD=" + dir}, env...), Files: []uintptr{0, 1, 2},
	})
	if err != nil {
		return 125, fmt.Errorf("start %s: %w", binary, err)
	}
	for {
		var status unix.WaitStatus
		switch dead, err := unix.Wait4(-1, &status, 0, nil); {
		case err == unix.EINTR:
		case err != nil:
			return 125, fmt.Errorf("wait: %w", err)
		case dead == pid && status.Signaled():
			return 128 + int(status.Signal()), nil
		case dead == pid:
			return status.ExitStatus(), nil
		}
	}
}

// arguments reads them. A line that does not begin with a dash is of the
// environment.
func arguments() (args, env []string, err error) {
	env = []string{"HOME=/tmp", "PATH=/bin", "TMPDIR=/tmp"}
	f, err := os.Open("/args")
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "-") {
			args = append(args, lines.Text())
		} else {
			env = append(env, lines.Text())
		}
	}
	return args, env, lines.Err()
}
