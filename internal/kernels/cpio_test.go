//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// The archive read back by the rules of its format.
func TestCpio(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"dir/a": "", "dir/bc": "x", "dir/def": "four", "long": string(make([]byte, 4097))}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var archive bytes.Buffer
	if err := writeTree(&archive, root); err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	var names []string
	for b := archive.Bytes(); len(b) > 0; {
		if string(b[:6]) != "070701" {
			t.Fatalf("no head at %.20q", b)
		}
		field := func(i int) int {
			n, err := strconv.ParseUint(string(b[6+8*i:14+8*i]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
		size, nameSize := field(6), field(11)
		name := string(b[110 : 110+nameSize-1])
		data := (110 + nameSize + 3) &^ 3
		found[name], names = string(b[data:data+size]), append(names, name)
		b = b[(data+size+3)&^3:]
	}
	for name, text := range files {
		if found[name] != text {
			t.Errorf("%s is %.20q, want %.20q", name, found[name], text)
		}
	}
	if last := names[len(names)-1]; last != "TRAILER!!!" {
		t.Errorf("the last entry is %q", last)
	}
	listAsCpio(t, archive.Bytes(), len(names)-1)
}

// listAsCpio has the program cpio count the entries, where there is one.
func listAsCpio(t *testing.T, archive []byte, want int) {
	path, err := exec.LookPath("cpio")
	if err != nil {
		return
	}
	cmd := exec.Command(path, "--list", "--quiet")
	cmd.Stdin = bytes.NewReader(archive)
	out, err := cmd.Output()
	if n := bytes.Count(out, []byte("\n")); err != nil || n != want {
		t.Errorf("cpio lists %d entries, %v, want %d", n, err, want)
	}
}
