//go:build unix

package main

import (
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// notOnGVisor are the tests of what gVisor does not keep, see docs/reliability.md.
var notOnGVisor = []string{
	"TestStoppedReader",        // who has waited for a full queue is never woken
	"TestStoppedReaderOfChild", // likewise
	"TestTimeAndPID",           // no time comes with a message
	"ExampleNewPipe",           // there are no pipes in packet mode, and an example cannot skip
}

// findGVisor finds gVisor: a kernel that is a program in Go.
func findGVisor(o options) []machine {
	m := machine{name: "gvisor", goarch: runtime.GOARCH}
	path, err := lookRunsc()
	m.missing = err
	if info, err := buildinfo.ReadFile(path); err == nil {
		// The version that it has itself is left out of what the go command builds.
		_, date, _ := strings.Cut(info.Main.Version, "-")
		m.name += " " + strings.TrimPrefix(date, "0.")
	}
	m.command = func(p parts) ([]string, error) {
		args := []string{path, "--network=none", "--ignore-cgroups"}
		if os.Geteuid() != 0 {
			args = append(args, "--rootless")
		}
		skip := "^(" + strings.Join(notOnGVisor, "|") + ")$"
		if o.skip != "" {
			skip += "|" + o.skip
		}
		return append(args, "do", "--root", p.root, "--cwd", "/", "/init", "guest", "-test.skip="+skip), nil
	}
	return []machine{m}
}

// lookRunsc looks where the go command installs programs, too.
func lookRunsc() (string, error) {
	path, err := exec.LookPath("runsc")
	if err == nil {
		return path, nil
	}
	home, _ := os.UserHomeDir()
	if p, there := exec.LookPath(filepath.Join(home, "go", "bin", "runsc")); there == nil {
		return p, nil
	}
	return "", err
}
