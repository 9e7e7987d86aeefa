//go:build linux || (unix && experimental_unix)

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every row is whole, and on the help page once, in its group.
func TestFlagTable(t *testing.T) {
	page := helpPage()
	seen := map[string]bool{}
	for _, r := range flagTable(newOptions()) {
		switch {
		case seen[r.name]:
			t.Errorf("two flags -%s", r.name)
		case r.help == "" || strings.HasSuffix(r.help, "."):
			t.Errorf("-%s has a bad help text", r.name)
		case r.optional && r.value == "":
			t.Errorf("-%s has no name for its value", r.name)
		}
		seen[r.name] = true
		_, part, _ := strings.Cut(page, groupTitles[r.group]+":\n")
		part, _, _ = strings.Cut(part, "\n\n")
		row := regexp.MustCompile(`(?m)^  -` + regexp.QuoteMeta(r.name+r.valueText(" ")) + `( |$)`)
		if n := len(row.FindAllString(part, -1)); n != 1 {
			t.Errorf("-%s is %d times in its group of the help page", r.name, n)
		}
	}
}

// A script in testdata uses each flag.
func TestFlagsAreUsed(t *testing.T) {
	var scripts strings.Builder
	for _, name := range must(filepath.Glob("testdata/*.sh")) {
		scripts.Write(must(os.ReadFile(name)))
	}
	for _, r := range flagTable(newOptions()) {
		if !regexp.MustCompile(` -` + r.name + `[ =\n]`).MatchString(scripts.String()) {
			t.Errorf("no script uses -%s", r.name)
		}
	}
}

// The command lines in the docs have flags that exist, with values that are good.
func TestFlagsInDocs(t *testing.T) {
	line := regexp.MustCompile("(?m)(?:^ *|`)iomux (-[^`|#\n]*)")
	n := 0
	for _, file := range append(must(filepath.Glob("../../docs/*.md")), "../../README.md") {
		for _, m := range line.FindAllStringSubmatch(string(must(os.ReadFile(file))), -1) {
			n++
			args := strings.Fields(m[1])
			if err := newFlagSet(flagTable(newOptions())).Parse(args); err != nil {
				t.Errorf("%s: iomux %s: %v", file, m[1], err)
			}
		}
	}
	if n < 10 {
		t.Errorf("found only %d command lines", n)
	}
}

func TestSettings(t *testing.T) {
	var word string
	var names []string
	for _, c := range []struct {
		setting
		text string
		bad  bool
		want string
	}{
		{oneOf(&word, "a", "b", "c"), "b", false, "b"},
		{oneOf(&word, "a", "b", "c"), "d", true, "b"},
		{oneOf(&word, "a", "b").orNone("a"), "true", false, "a"},
		{oneOf(&word, "a", "b").orNone("a"), "b", false, "b"},
		{file(func(name string) { word = name }), "", true, "b"},
		{file(func(name string) { word = name }), "x", false, "x"},
	} {
		if err := c.parse(c.text); (err != nil) != c.bad || word != c.want {
			t.Errorf("%q gives %q, %v", c.text, word, err)
		}
	}
	for _, name := range []string{"a", "b", ""} {
		file(func(name string) { names = append(names, name) }).parse(name)
	}
	if got := strings.Join(names, " "); got != "a b" {
		t.Errorf("got the files %q", got)
	}
}
