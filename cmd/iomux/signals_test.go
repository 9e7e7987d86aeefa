//go:build linux || (unix && experimental_unix)

package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Signals that come between catchSignals and the start are for the command.
func TestSignalBeforeStart(t *testing.T) {
	watch(t)
	j := &job{cmd: command("catcher"), signals: make(chan os.Signal, 2), exited: make(chan struct{}), done: make(chan struct{})}
	stdout := bufio.NewReader(must(j.cmd.StdoutPipe()))
	j.ctx, j.stop = context.WithCancelCause(context.Background())
	if err := j.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line := must(stdout.ReadString('\n')); !strings.HasPrefix(line, "ready") {
		t.Fatal(line)
	}
	j.signals <- unix.SIGUSR2
	go j.passOn()
	if rest := must(io.ReadAll(stdout)); string(rest) != "SIGUSR2\n" {
		t.Errorf("got %q", rest)
	}
	j.cmd.Wait()
	close(j.exited)

	// From then on it ends the wait.
	j.signals <- unix.SIGUSR1
	j.signals <- unix.SIGTERM
	<-j.ctx.Done()
	var sig signalled
	if cause := context.Cause(j.ctx); !errors.As(cause, &sig) || sig.Signal != unix.SIGTERM {
		t.Error(cause)
	}
	close(j.done)
}

// An interrupt that no terminal has sent is passed on like the others.
func TestInterruptWithoutTerminal(t *testing.T) {
	watch(t)
	cmd := command("iomux", "catcher")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without a terminal
	stdout := bufio.NewReader(must(cmd.StdoutPipe()))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	must(stdout.ReadString('\n'))
	cmd.Process.Signal(unix.SIGINT)
	if rest := must(io.ReadAll(stdout)); string(rest) != "SIGINT\n" {
		t.Errorf("got %q", rest)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 5 {
		t.Errorf("exit code %d", code)
	}
}
