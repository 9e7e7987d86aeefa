// Package node knows the programs of the Node.js family, which make their
// standard output nonblocking.
package node

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// names are the family, as far as they are called by their names.
var names = []string{
	"node", "nodejs", "npm", "npx", "corepack", "pnpm", "pnpx", "yarn", "yarnpkg", "bun", "bunx", "tsx", "ts-node",
}

// Is reports whether cmd, which is not started, runs a program of the family: by
// its name, by what its path is a symbolic link to, by the interpreter in the
// first line of a script, or as what env(1) starts. It sees no further than
// that: what a shell or make starts is not looked at. With SysProcAttr.Chroot
// only names count, for the files are others.
func Is(cmd *exec.Cmd) bool {
	if isName(cmd.Path) {
		return true
	}
	if isEnv(cmd.Path) && len(cmd.Args) > 1 {
		return envRuns(cmd.Args[1:])
	}
	if attr := cmd.SysProcAttr; attr != nil && attr.Chroot != "" {
		return false
	}
	path := cmd.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(cmd.Dir, path) // the child goes there first
	}
	real, err := filepath.EvalSymlinks(path)
	return err == nil && (isName(real) || runs(firstLine(real)))
}

// isName reports whether a path ends with a name of the family. A version may
// follow: node-22, nodejs18.
func isName(path string) bool {
	name := strings.TrimRight(filepath.Base(path), "0123456789.")
	return slices.Contains(names, strings.TrimRight(name, "-"))
}

func isEnv(path string) bool { return filepath.Base(path) == "env" }

// runs reports whether a first line of a script names the family.
func runs(line string) bool {
	interpreter, argument, _ := strings.Cut(strings.TrimSpace(line), " ")
	if isEnv(interpreter) {
		return envRuns([]string{strings.TrimSpace(argument)}) // the kernel makes it one
	}
	return isName(interpreter)
}

// envRuns reports whether env(1) with these arguments runs one of the family.
func envRuns(args []string) bool {
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		if text, ok := splitText(word); ok {
			if text == "" && len(args) > 0 {
				text, args = args[0], args[1:]
			}
			args = append(strings.Fields(text), args...) // quotes are for what follows the name
			continue
		}
		switch {
		case slices.Contains(valueOptions, word):
			args = args[min(1, len(args)):]
		case !strings.HasPrefix(word, "-") && !strings.Contains(word, "="):
			return isName(word)
		}
	}
	return false
}

// splitText returns the text that env(1) is to split, if word is the option for
// that.
func splitText(word string) (text string, ok bool) {
	if text, ok = strings.CutPrefix(word, "--split-string"); ok {
		return strings.TrimPrefix(text, "="), true
	}
	if text, ok = strings.CutPrefix(word, "-"); !ok {
		return "", false
	}
	return strings.CutPrefix(strings.TrimLeft(text, "iv0"), "S")
}

var valueOptions = []string{"-u", "--unset", "-C", "--chdir"}

// firstLine gives what follows #! in a script, "" for anything else. It does not
// wait for a FIFO to be written to.
func firstLine(path string) string {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return ""
	}
	var buf [256]byte // as much as the kernel looks at
	n, _ := io.ReadFull(f, buf[:])
	line, _, _ := bytes.Cut(buf[:n], []byte("\n"))
	text, ok := strings.CutPrefix(string(line), "#!")
	if !ok {
		return ""
	}
	return text
}
