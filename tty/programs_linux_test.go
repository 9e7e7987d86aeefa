//go:build amd64 || arm64

package tty_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux/tty"
)

// runUnderTerminal runs a command on a terminal that is its own output.
func runUnderTerminal(args []string) int {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := (tty.Terminal{}).Start(cmd); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 111
	}
	cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

// ask does what its first argument says to a terminal.
func ask(args []string) int {
	switch args[0] {
	case "nonblock":
		return setNonblock()
	case "often":
		return askOften(must(strconv.Atoi(args[1])))
	case "time":
		return timeCalls(args[1], must(strconv.Atoi(args[2])))
	case "interrupted":
		return askInterrupted(args[1], must(strconv.Atoi(args[2])))
	case "undumpable":
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
			return 1
		}
		if _, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ); err == unix.ENOTTY {
			fmt.Println("no terminal")
		}
		return 0
	}
	return 100
}

// askOften asks so often on each of four threads. To each question there is an
// answer, which is no other than that it is a terminal or is none.
func askOften(times int) int {
	var wg sync.WaitGroup
	fmt.Println("asking")
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range times {
				if _, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ); err != nil && err != unix.ENOTTY {
					fmt.Println("wrong answer:", err)
					os.Exit(1)
				}
				var st unix.Stat_t
				if err := unix.Fstat(1, &st); err != nil {
					fmt.Println("wrong answer:", err)
					os.Exit(1)
				}
			}
		}()
	}
	wg.Wait()
	fmt.Println("asked")
	return 0
}

// askInterrupted asks so often on a thread that is sent signals all the time, whose
// handler has the kernel make interrupted calls again or not. It reports how
// many calls were interrupted, and fails at any other error or wrong answer.
func askInterrupted(restart string, times int) int {
	signal.Notify(make(chan os.Signal, 1), unix.SIGUSR2)
	if restart == "no" {
		clearRestart(unix.SIGUSR2)
	}
	runtime.LockOSThread()
	thread := unix.Gettid()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for unix.Tgkill(unix.Getpid(), thread, unix.SIGUSR2) == nil { // so often that it hits some
			time.Sleep(200 * time.Microsecond)
		}
	}()
	interrupted := 0
	for range times {
		w, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ)
		for ; err == unix.EINTR; w, err = unix.IoctlGetWinsize(1, unix.TIOCGWINSZ) {
			interrupted++
		}
		if err != nil || w.Row != 24 || w.Col != 80 {
			fmt.Println("wrong answer:", w, err)
			return 1
		}
	}
	fmt.Println(interrupted)
	return 0
}

// clearRestart takes SA_RESTART from the handler of a signal.
func clearRestart(sig syscall.Signal) {
	const (
		setSize = 8          // of the kernel's sigset_t
		flags   = 1          // where they are in its struct sigaction
		restart = 0x10000000 // SA_RESTART
	)
	var action [4]uint64
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), 0, uintptr(unsafe.Pointer(&action)), setSize, 0, 0)
	action[flags] &^= restart
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, setSize, 0, 0)
}

// starve starts a command on a terminal, and may have no more than so many
// descriptors for the first answer. It tells the command when to ask.
func starve(args []string) int {
	cmd := sh(`read x; test -t 1 && echo terminal || echo none; read x; test -t 1 && echo terminal || echo none`)
	stdin := must(cmd.StdinPipe())
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := (tty.Terminal{}).Start(cmd); err != nil {
		fmt.Println(err)
		return 111
	}
	var limit unix.Rlimit
	unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	before := limit
	limit.Cur = must(strconv.ParseUint(args[0], 0, 64))
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1
	}
	stdin.Write([]byte("\n"))
	bufio.NewReader(os.Stdin).ReadString('\n') // when the answer has been seen
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		return 2
	}
	stdin.Write([]byte("\n"))
	cmd.Wait()
	return 0
}

// serve starts a command on a terminal, and another that stays when this is killed.
func serve(args []string) int {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := (tty.Terminal{}).Start(cmd); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 111
	}
	select {}
}
