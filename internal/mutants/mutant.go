package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// A mutant is a mistake, and the tests that ought to find it.
type mutant struct {
	name     string
	file     string
	old, new string // the text that is replaced, which is there once
	pkg, run string // the package and the names of its tests
	equal    string // why it changes nothing that a test could see
}

// tests names the tests.
func (m mutant) tests() string { return fmt.Sprintf("go test -run '%s' %s", m.run, m.pkg) }

// apply returns the text of the file with the mistake in it.
func (m mutant) apply(text string) (string, error) {
	if n := strings.Count(text, m.old); n != 1 {
		return "", fmt.Errorf("%s: %s has the text %d times, not once: %q", m.name, m.file, n, m.old)
	}
	return strings.Replace(text, m.old, m.new, 1), nil
}

// try makes the mistake in dir, runs the tests, and takes it back. It returns the
// test that found it, "" if none did.
func (m mutant) try(dir string) (found string, err error) {
	name := filepath.Join(dir, m.file)
	right, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	wrong, err := m.apply(string(right))
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(name, []byte(wrong), 0o644); err != nil {
		return "", err
	}
	defer os.WriteFile(name, right, 0o644)
	output, err := m.test(dir)
	exit := new(exec.ExitError)
	switch {
	case err == nil:
		return "", nil
	case !errors.As(err, &exit):
		return "", err
	case strings.Contains(output, "[build failed]"), strings.Contains(output, "[setup failed]"):
		return "", fmt.Errorf("%s does not compile: %s", m.name, output)
	}
	return finder(output), nil
}

// test runs the tests in dir.
func (m mutant) test(dir string) (output string, err error) {
	cmd := exec.Command("go", "test", "-vet=off", "-timeout=60s", "-run", m.run, m.pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "IOMUX_STRESS=0.25")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var (
	failed = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)
	hung   = regexp.MustCompile(`(?m)^(\S+): not over after|^\s+(Test\S+) \(\d`)
)

// finder takes the name of the first test that failed out of the output, or of the
// one that was running when the time was over.
func finder(output string) string {
	if f := failed.FindStringSubmatch(output); f != nil {
		return "`" + f[1] + "`"
	}
	if h := hung.FindStringSubmatch(output); h != nil {
		return "`" + h[1] + h[2] + "`, which hangs"
	}
	return "a crash"
}
