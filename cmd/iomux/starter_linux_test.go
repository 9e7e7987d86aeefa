package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux/internal/seccomp"
)

// In a sandbox that refuses filters the command runs without the guard, but not
// if that was asked for; then that is said in a line, and nothing is started.
func TestBlockingRefused(t *testing.T) {
	started := filepath.Join(t.TempDir(), "started")
	request := seccomp.Match{Arg: 0, Values: []uint32{unix.PR_SET_SECCOMP}}
	refuse := seccomp.Build(seccomp.Rule{Call: unix.SYS_PRCTL, Where: []seccomp.Match{request}, Action: seccomp.Errno(unix.EPERM)})
	for _, test := range []struct {
		flag string
		code int
		said string
	}{
		{"-blocking=always", exitFailed, "iomux: -blocking=always: command not started: "},
		{"-blocking=auto", 0, ""},
		{"-blocking=never", 0, ""},
	} {
		var said bytes.Buffer
		cmd := exec.Command(filepath.Join(bin, "iomux"), test.flag, "touch", started)
		cmd.Stderr = &said
		err := seccomp.OnThread(func() error {
			if _, err := seccomp.Install(refuse, 0, true); err != nil {
				return err
			}
			return cmd.Run()
		}, nil)
		var none *seccomp.Error
		if errors.As(err, &none) {
			t.Skip(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != test.code {
			t.Errorf("%s: exit code %d", test.flag, code)
		}
		if !strings.HasPrefix(said.String(), test.said) || strings.Count(said.String(), "\n") != min(1, len(test.said)) {
			t.Errorf("%s: said %q", test.flag, &said)
		}
		if _, err := os.Stat(started); (err == nil) != (test.code == 0) {
			t.Errorf("%s: started: %v", test.flag, err)
		}
		os.Remove(started)
	}
}
