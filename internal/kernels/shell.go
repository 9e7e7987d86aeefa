//go:build unix

package main

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// findShell finds a busybox for machines of an architecture: the tests need a
// shell, and what else every UNIX has. It must not need libraries.
func findShell(images, goarch string) (string, error) {
	path := filepath.Join(images, "busybox-"+goarch)
	_, err := os.Stat(path)
	if err != nil && goarch == runtime.GOARCH {
		path, err = exec.LookPath("busybox")
	}
	if err != nil {
		return "", err
	}
	program, err := elf.Open(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	defer program.Close()
	if libraries, err := program.ImportedLibraries(); err != nil || len(libraries) > 0 {
		return "", fmt.Errorf("%s needs libraries", path)
	}
	return path, nil
}

// copyShell copies it to a machine's files.
func (b *builder) copyShell(to, goarch string) error {
	path, err := findShell(b.shells, goarch)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}
