// Mutants makes mistakes in a copy of the library, one at a time, runs the tests
// that ought to find each, and prints which did:
//
//	go run ./internal/mutants                # all of them
//	go run ./internal/mutants -run 'Lines'   # some, by name
//
// A mistake that no test finds survives: then the tests lack something, or the code
// does. It exits with 1 if one survives that the list does not know as equal to
// the right code, or if the text that a mistake replaces is not in its file any
// more.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	match := flag.String("run", "", "only the mistakes whose name matches this regular expression")
	root := flag.String("root", ".", "the directory of the module")
	flag.Parse()
	ok, err := run(*root, *match)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// run prints the table. It reports whether each mistake was found.
func run(root, match string) (ok bool, err error) {
	wanted, err := regexp.Compile(match)
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "iomux-mutants-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	if err := copyTree(dir, root); err != nil {
		return false, err
	}
	ok = true
	sound := make(map[string]error) // of the tests, without a mistake
	fmt.Print("| mistake | where | found by |\n|---|---|---|\n")
	for _, m := range mutants {
		if !wanted.MatchString(m.name) {
			continue
		}
		if _, known := sound[m.tests()]; !known {
			_, sound[m.tests()] = m.test(dir)
		}
		if err := sound[m.tests()]; err != nil {
			return false, fmt.Errorf("%s fails without a mistake: %w", m.tests(), err)
		}
		found, err := m.try(dir)
		switch {
		case err != nil:
			fmt.Fprintln(os.Stderr, "mutants:", err)
			found, ok = "not tried", false
		case found != "" && m.equal != "":
			found += " (although: " + m.equal + ")"
		case found == "" && m.equal != "":
			found = "nothing: it is equivalent; " + m.equal
		case found == "":
			found, ok = "**nothing: it survives**", false
		}
		fmt.Printf("| %s | %s | %s |\n", m.name, m.file, found)
	}
	return ok, nil
}

// copyTree copies the module, without what git keeps.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch target := filepath.Join(to, rel); {
		case strings.HasPrefix(e.Name(), ".git") && e.IsDir():
			return filepath.SkipDir
		case e.IsDir():
			return os.MkdirAll(target, 0o755)
		case e.Type().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(target, data, 0o644)
		}
		return nil
	})
}
