//go:build unix

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
)

// memory is what each machine gets.
const memory = "1G"

// A qemu is a kind of machine that qemu makes.
type qemu struct {
	name    string
	program string
	goarch  string
	options []string
	console string
}

var (
	qemuX86 = qemu{name: "x86-64", program: "qemu-system-x86_64", goarch: "amd64", console: "ttyS0",
		options: []string{"-cpu", "max"}}
	qemuARM = qemu{name: "arm64", program: "qemu-system-aarch64", goarch: "arm64", console: "ttyAMA0",
		options: []string{"-machine", "virt", "-cpu", "max,pauth-impdef=on"}}
	qemuPPC = qemu{name: "ppc64le", program: "qemu-system-ppc64", goarch: "ppc64le", console: "hvc0",
		options: []string{"-machine", "pseries", "-cpu", "power9"}}
)

// find gives a machine for each kernel in the directory.
func (q qemu) find(o options) (machines []machine) {
	none := machine{name: "qemu-" + q.name}
	path, err := exec.LookPath(q.program)
	if err != nil {
		none.missing = err
		return []machine{none}
	}
	pattern := filepath.Join(o.images, "vmlinuz-"+q.name+"-*")
	images, err := filepath.Glob(pattern)
	if err == nil && len(images) == 0 {
		err = fmt.Errorf("no %s", pattern)
	}
	if err != nil {
		none.missing = err
		return []machine{none}
	}
	for _, image := range images {
		machines = append(machines, machine{
			name:   "qemu-" + filepath.Base(image)[len("vmlinuz-"):],
			goarch: q.goarch,
			command: func(p parts) ([]string, error) {
				return slices.Concat([]string{path}, q.options, q.accel(o), []string{
					"-smp", "2", "-m", memory, "-kernel", image, "-initrd", p.initrd,
					"-append", "rdinit=/init panic=-1 quiet console=" + q.console,
					"-nodefaults", "-nographic", "-no-reboot", "-serial", "stdio"}), nil
			},
		})
	}
	return machines
}

// accel is kvm only for this machine's own processor.
func (q qemu) accel(o options) []string {
	if o.accel == "kvm" && q.goarch == runtime.GOARCH {
		return []string{"-accel", "kvm", "-accel", "tcg"}
	}
	return []string{"-accel", "tcg"}
}
