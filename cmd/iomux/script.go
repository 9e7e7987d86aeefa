//go:build linux || (unix && experimental_unix)

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
)

// shell runs what the kernel cannot: a script without #!, as for execvp(3).
const shell = "/bin/sh"

// scriptHead is how much of a file is looked at.
const scriptHead = 256

// asScript returns the command that runs the file of cmd with the shell, or nil if it
// is not a script. It is for a file that the kernel has rejected with ENOEXEC.
func asScript(cmd *exec.Cmd) *exec.Cmd {
	if !isScript(cmd.Path) {
		return nil
	}
	path := cmd.Path
	if !strings.Contains(path, "/") || path[0] == '-' {
		path = "./" + path // neither to be searched for again nor an option
	}
	script := exec.Command(shell, append([]string{path}, cmd.Args[1:]...)...)
	script.Env, script.Stdin, script.Stdout, script.Stderr = cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr
	return script
}

// isScript reports whether the first line of a file is text. POSIX lets a shell
// look for that, so that it does not take a program for another machine for a
// script. An empty file is a script that does nothing.
func isScript(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, scriptHead)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return false
	}
	line, _, _ := bytes.Cut(head[:n], []byte("\n"))
	return bytes.IndexFunc(line, isControl) < 0
}

// isControl reports whether text does not have that character.
func isControl(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\f\v", r) || r == 0x7f }
