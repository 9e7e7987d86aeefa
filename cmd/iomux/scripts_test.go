//go:build linux || (unix && experimental_unix)

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// skipCode is the exit code of a script that cannot run here.
const skipCode = 77

// TestScripts runs the scripts in testdata, each with both transports.
func TestScripts(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	scripts := must(filepath.Glob("testdata/*.sh"))
	if len(scripts) == 0 {
		t.Fatal("no scripts")
	}
	prelude := must(filepath.Abs("testdata/lib/prelude.sh"))
	for i, script := range scripts {
		name := strings.TrimSuffix(filepath.Base(script), ".sh")
		for j, transport := range []string{"pipe", "socket"} {
			if testing.Short() && i%2 != j {
				continue // a short run takes each script once
			}
			iomux := map[string]string{"pipe": "iomux", "socket": "iomux -socket"}[transport]
			t.Run(name+"/"+transport, func(t *testing.T) {
				cmd := exec.Command(sh, "-c", `. "$1"; . "$2"`, "sh", prelude, must(filepath.Abs(script)))
				cmd.Dir = t.TempDir()
				cmd.Env = append(os.Environ(), "iomux="+iomux, "transport="+transport, "kernel_tells="+kernelTells)
				runScript(t, cmd)
			})
		}
	}
}

// runScript runs a script, and ends all that it has started if it is not over
// in time.
func runScript(t *testing.T, cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const limit = time.Minute
	timer := time.AfterFunc(limit, func() {
		t.Errorf("not over after %v", limit)
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	})
	defer timer.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == skipCode {
		t.Skipf("%s", text.Bytes())
	}
	if err != nil {
		t.Errorf("%v\n%s", err, text.Bytes())
	}
}
