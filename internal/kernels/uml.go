//go:build unix

package main

import "os/exec"

// findUML finds user-mode Linux: a kernel that is a program.
func findUML(options) []machine {
	m := machine{name: "uml", goarch: "amd64"}
	path, err := exec.LookPath("linux.uml")
	m.missing = err
	m.command = func(p parts) ([]string, error) {
		return []string{path, "mem=" + memory, "initrd=" + p.initrd, "rdinit=/init",
			"con=null", "con0=fd:0,fd:1", "quiet"}, nil
	}
	return []machine{m}
}
