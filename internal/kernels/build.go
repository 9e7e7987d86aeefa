//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// parts are what machines of one architecture need.
type parts struct {
	root   string // a directory with all files
	initrd string // an archive of them
}

// A builder makes parts, once for each architecture.
type builder struct {
	dir  string
	args string // of the test binaries, a line each
	tags string

	packages []string // whose tests to run, as the go command names them
	made     map[string]parts

	shells string // where to look for busybox
}

func newParts(dir string, o options) *builder {
	args := []string{
		"-test.v=test2json", "-test.run=" + o.run, "-test.skip=" + o.skip,
		"-test.short=" + strconv.FormatBool(o.short), "-test.timeout=" + (o.timeout - 10*time.Second).String(),
	}
	b := &builder{dir: dir, args: strings.Join(args, "\n") + "\n", tags: o.tags, packages: strings.Fields(o.packages), made: make(map[string]parts), shells: o.images}
	if o.stress > 0 {
		b.args = fmt.Sprint("IOMUX_STRESS=", o.stress, "\n") + b.args
	}
	return b
}

// parts gives the parts for an architecture.
func (b *builder) parts(goarch string) (parts, error) {
	if p, ok := b.made[goarch]; ok {
		return p, nil
	}
	p := parts{root: filepath.Join(b.dir, goarch), initrd: filepath.Join(b.dir, goarch+".cpio")}
	if err := b.fillRoot(p.root, goarch); err != nil {
		return p, err
	}
	archive, err := os.Create(p.initrd)
	if err != nil {
		return p, err
	}
	defer archive.Close()
	if err := writeTree(archive, p.root); err != nil {
		return p, err
	}
	b.made[goarch] = p
	return p, archive.Close()
}

// fillRoot makes the directory that is to be / of the machine: the sources, which
// some tests look at, the test binaries, and what starts them.
func (b *builder) fillRoot(root, goarch string) error {
	module, err := output("go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return err
	}
	module = strings.TrimSpace(module)
	if module == "" {
		return errors.New("run it in the module's directory")
	}
	if err := copySources(filepath.Join(root, "src"), module); err != nil {
		return err
	}
	for _, dir := range []string{"bin", "proc", "sys", "dev", "tmp", "tests"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(root, "args"), []byte(b.args), 0o644); err != nil {
		return err
	}
	if err := b.copyShell(filepath.Join(root, "bin", "busybox"), goarch); err != nil {
		return err
	}
	in := goCommand{dir: module, env: append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch)}
	if err := in.run("build", "-o", filepath.Join(root, "init"), "./internal/kernels/init"); err != nil {
		return err
	}
	return b.buildTests(root, in)
}

// buildTests makes the test binaries, and the list of them that init reads: in
// each line a binary and the directory that it runs in.
func (b *builder) buildTests(root string, in goCommand) error {
	const withTests = "{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}"
	dirs, err := in.output(append([]string{"list", "-tags", b.tags, "-f", withTests}, b.packages...)...)
	if err != nil {
		return err
	}
	var list strings.Builder
	for _, dir := range strings.Fields(dirs) {
		rel, err := filepath.Rel(in.dir, dir)
		if err != nil {
			return err
		}
		name := filepath.Join("/tests", strings.ReplaceAll(filepath.Join("iomux", rel), "/", "-")+".test")
		if err := in.run("test", "-c", "-tags", b.tags, "-o", filepath.Join(root, name), "./"+rel); err != nil {
			return err
		}
		fmt.Fprintf(&list, "%s %s\n", name, filepath.Join("/src", rel))
	}
	return os.WriteFile(filepath.Join(root, "packages"), []byte(list.String()), 0o644)
}

// A goCommand is the go command in a directory.
type goCommand struct {
	dir string
	env []string
}

func (g goCommand) run(args ...string) error {
	_, err := g.output(args...)
	return err
}

func (g goCommand) output(args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = g.dir, g.env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, &stderr)
	}
	return string(out), nil
}

// output is what a command writes to its standard output.
func output(name string, args ...string) (string, error) {
	text, err := exec.Command(name, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return string(text), nil
}
