package node_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/seed-5082a588/iomux/internal/node"
)

func TestNames(t *testing.T) {
	for path, want := range map[string]bool{
		"/usr/bin/node": true, "node": true, "nodejs": true, "node22": true, "node-20.1": true, "npm": true, "npx": true,
		"pnpm": true, "yarn": true, "bun": true, "bunx": true, "tsx": true,
		"": false, "/": false, "sh": false, "nodemon": false, "22": false, "/usr/node/make": false, "./run": false,
	} {
		if got := node.Is(&exec.Cmd{Path: path, Args: []string{"node"}}); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
}

func TestEnv(t *testing.T) {
	for _, test := range []struct {
		want bool
		args []string
	}{
		{true, []string{"node"}},
		{true, []string{"A=b c", "B=node", "/usr/bin/node", "x.js"}},
		{true, []string{"-i", "-u", "make", "-C", "/", "--unset", "x", "npm", "test"}},
		{true, []string{"-S", "A=b node --expose-gc", "x.js"}},
		{true, []string{"-ivSnode --expose-gc"}},
		{true, []string{"--split-string=node x"}},
		{true, []string{"--split-string", "node x"}},
		{false, nil},
		{false, []string{"-u"}},
		{false, []string{"-S"}},
		{false, []string{"-u", "node"}},
		{false, []string{"make", "node"}},
		{false, []string{"node x"}},
		{false, []string{"-Smake node"}},
	} {
		if got := node.Is(exec.Command("/usr/bin/env", test.args...)); got != test.want {
			t.Errorf("%q: %v", test.args, got)
		}
	}
}

func TestScripts(t *testing.T) {
	for i, test := range []struct {
		want bool
		text string
	}{
		{true, "#!/usr/bin/env node\nx"},
		{true, "#! /usr/bin/node --expose-gc"},
		{true, "#!/usr/bin/env -S node --expose-gc\n"},
		{true, "#!\t/opt/bun/bin/bun run\n"},
		{false, "#!/bin/sh\nexec node x\n"},
		{false, "#!/usr/bin/env python3 node\n"},
		{false, "#!\n/usr/bin/node"},
		{false, "#!"},
		{false, "//#!/usr/bin/node"},
		{false, ""},
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "script")
		if err := os.WriteFile(file, []byte(test.text), 0o755); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(dir, "link")
		if err := os.Symlink("script", link); err != nil {
			t.Fatal(err)
		}
		for _, cmd := range []*exec.Cmd{{Path: file}, {Path: link}, {Path: "./link", Dir: dir}} {
			if got := node.Is(cmd); got != test.want {
				t.Errorf("%d, %s: %v", i, cmd.Path, got)
			}
			cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: "/proc"} // other files
			if node.Is(cmd) {
				t.Errorf("%d: read outside of the chroot", i)
			}
		}
	}
}

// What cannot be read is none, and nobody waits for it.
func TestOddFiles(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o777); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("#!/usr/bin/node\n"), 0o111); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, fifo, loop, filepath.Join(dir, "none")} {
		if node.Is(&exec.Cmd{Path: path}) {
			t.Error(path)
		}
	}
	if node.Is(&exec.Cmd{Path: secret}) != (os.Geteuid() == 0) {
		t.Error(fmt.Sprint(secret, " should be read by root alone"))
	}
	named := filepath.Join(dir, "npm")
	if err := os.Symlink("secret", named); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "tool")
	if err := os.Symlink("npm", link); err != nil {
		t.Fatal(err)
	}
	if !node.Is(&exec.Cmd{Path: named}) {
		t.Error("the name of a link does not count")
	}
}
