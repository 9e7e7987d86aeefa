//go:build linux || (unix && experimental_unix)

package main

import (
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux/tty"
)

// The values of -tty.
const (
	ttyOff   = "off"
	ttyOn    = "on"
	ttyPager = "pager" // on, and pagers stay what they are
)

// startUnderTTY starts the command on a terminal as large as the one that iomux
// runs on.
func startUnderTTY(cmd *exec.Cmd, mode string) error {
	controlling, err := os.OpenFile("/dev/tty", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil && mode != ttyPager {
		// A pager would wait for keys that nobody can press.
		cmd.Env = append(cmd.Environ(), "PAGER=cat", "GIT_PAGER=cat", "MANPAGER=cat")
	}
	stops := catchStops()
	if err := (tty.Terminal{Real: realTerminal(controlling)}).Start(cmd); err != nil {
		return err
	}
	go stopLast(stops, cmd.Process.Pid)
	return nil
}

// realTerminal is the terminal that iomux runs on, or nil. It stays open.
func realTerminal(controlling *os.File) *os.File {
	for _, f := range []*os.File{os.Stdout, os.Stderr, os.Stdin} {
		if isTerminal(f) {
			return f
		}
	}
	return controlling
}
