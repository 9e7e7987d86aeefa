//go:build amd64 || arm64

package tty_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The helpers are what their sources say.
func TestHelperBytes(t *testing.T) {
	watch(t)
	dir := t.TempDir()
	out, err := exec.Command("sh", "helper/make.sh", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, made, _ := strings.Cut(string(out), "made:")
	if len(strings.Fields(made)) == 0 {
		t.Skip("no assembler")
	}
	for _, arch := range strings.Fields(made) {
		name := arch + ".elf"
		if !bytes.Equal(must(os.ReadFile(filepath.Join(dir, name))), must(os.ReadFile(filepath.Join("helper", name)))) {
			t.Errorf("%s is not what helper/make.sh makes of its source", name)
		}
	}
}
