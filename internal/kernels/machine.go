//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A machine is one kernel to run the tests on.
type machine struct {
	name    string
	goarch  string
	missing error // why it cannot be run
	command func(parts) ([]string, error)
}

// kinds are what -kernel knows, each with all machines of it that are here: one
// at least, which may be missing.
var kinds = []struct {
	name string
	find func(options) []machine
}{
	{"uml", findUML},
	{"qemu-x86-64", qemuX86.find},
	{"qemu-arm64", qemuARM.find},
	{"qemu-ppc64le", qemuPPC.find},
	{"gvisor", findGVisor},
}

// find gives the machines that o names.
func find(o options) (machines []machine, err error) {
	names := strings.Split(o.kernels, ",")
	var known []string
	for _, k := range kinds {
		known = append(known, k.name)
		if slices.Contains(names, k.name) || slices.Contains(names, "all") {
			machines = append(machines, k.find(o)...)
		}
	}
	for _, n := range names {
		if n != "all" && !slices.Contains(known, n) {
			return nil, fmt.Errorf("no kernel %q; there are %s, and all", n, strings.Join(known, ", "))
		}
	}
	return machines, nil
}

// test runs the tests on m.
func (m machine) test(p *builder, o options) (r result) {
	r.name = m.name
	if m.missing == nil {
		_, m.missing = findShell(o.images, m.goarch)
	}
	if m.missing != nil {
		r.skipped = m.missing.Error()
		return r
	}
	parts, err := p.parts(m.goarch)
	if err != nil {
		r.err = err
		return r
	}
	args, err := m.command(parts)
	if err != nil {
		r.err = err
		return r
	}
	start := time.Now()
	output, err := capture(args, o)
	r = parse(output)
	r.name = m.name
	r.took = time.Since(start)
	if r.err == nil && !r.passed() {
		r.err = err // what ended it, if it did not come to its end
	}
	return r
}

// capture runs a command, and gives all that it wrote, without anything left
// running after that: machines have processes of their own.
func capture(args []string, o options) ([]byte, error) {
	ended, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ended, o.timeout+time.Minute)
	defer cancel()
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdout = io.Writer(&output)
	if o.verbose {
		cmd.Stdout = io.MultiWriter(&output, os.Stdout)
	}
	cmd.Stderr = cmd.Stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	if cmd.Process != nil {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if ended.Err() != nil {
		fmt.Fprintln(os.Stderr, "kernels: interrupted")
		os.Exit(1)
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("not over after %v", o.timeout+time.Minute)
	}
	return output.Bytes(), err
}
