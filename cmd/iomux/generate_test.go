//go:build linux || (unix && experimental_unix)

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// generated are the files of "go generate".
var generated = map[string]string{
	"man":  "../../docs/iomux.1",
	"bash": "../../completions/iomux.bash",
	"zsh":  "../../completions/_iomux",
	"fish": "../../completions/iomux.fish",
}

// The files agree with the table of flags, and every flag is in each of them.
func TestGenerated(t *testing.T) {
	table := flagTable(newOptions())
	for what, name := range generated {
		got := must(os.ReadFile(name))
		if string(got) != generate(what, table) {
			t.Errorf("%s is not up to date: run go generate ./cmd/iomux", name)
		}
		before := map[string]string{"man": "\n.It Fl ", "bash": "-", "zsh": "-", "fish": " -o "}[what]
		for _, r := range table {
			if !strings.Contains(string(got), before+r.name) {
				t.Errorf("%s does not have -%s", name, r.name)
			}
		}
	}
}

// tool runs a program, if it is there, and returns what it prints.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip(err)
	}
	watch(t)
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

func TestManual(t *testing.T) {
	for line := range strings.Lines(tool(t, "mandoc", "-T", "lint", generated["man"])) {
		if !strings.Contains(line, "mandoc.db") { // the index of the machine
			t.Error(line)
		}
	}
}

func TestCompletionSyntax(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			if out := tool(t, shell, "-n", generated[shell]); out != "" {
				t.Error(out)
			}
		})
	}
}

// Shells complete by them.
func TestCompletion(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "some file"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	// As bash does it, with "=" as a word; the function finds the rest in COMP_WORDS.
	const bash = `cd "$1"; . "$2"; shift 2; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _iomux; printf '%s\n' "${COMPREPLY[@]}"`
	const fish = `cd $argv[1]; source $argv[2]; complete -C "$argv[3..]" | string replace -r '\t.*' ''; true`
	for _, c := range []struct {
		words []string
		want  []string
	}{
		{[]string{"iomux", "-stdout-f"}, []string{"-stdout-file"}},
		{[]string{"iomux", "-color", "al"}, []string{"always"}},
		{[]string{"iomux", "-color", "never", "-quiet", "-combined-f"}, []string{"-combined-file"}},
		{[]string{"iomux", "-log", "some"}, []string{"some file"}},
		{[]string{"iomux", "gofm"}, []string{"gofmt"}},
		{[]string{"iomux", "-wait", "1s", "gofm"}, []string{"gofmt"}},
		{[]string{"iomux", "--", "gofm"}, []string{"gofmt"}},
		{[]string{"iomux", "-quiet", "cat", "some"}, []string{"some file"}},
	} {
		name := strings.Join(c.words, " ")
		t.Run("bash/"+name, func(t *testing.T) {
			args := append([]string{"-c", bash, "bash", dir, must(filepath.Abs(generated["bash"]))}, c.words...)
			compare(t, tool(t, "bash", args...), c.want)
		})
		t.Run("fish/"+name, func(t *testing.T) {
			args := append([]string{"--no-config", "-c", fish, dir, must(filepath.Abs(generated["fish"]))}, c.words...)
			compare(t, strings.ReplaceAll(tool(t, "fish", args...), `\ `, " "), c.want)
		})
	}
	t.Run("bash/equals", func(t *testing.T) {
		args := []string{"-c", bash, "bash", dir, must(filepath.Abs(generated["bash"])), "iomux", "-quiet", "-time", "=", "el"}
		compare(t, tool(t, "bash", args...), []string{"elapsed"})
	})
}

// compare looks for the wanted lines among those that a shell offers.
func compare(t *testing.T, offered string, words []string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(offered), "\n")
	for _, w := range words {
		if !slices.Contains(lines, w) {
			t.Errorf("%q is not offered, but %q", w, lines)
		}
	}
}
