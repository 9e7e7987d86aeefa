//go:build amd64 || arm64

package tty_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"

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
