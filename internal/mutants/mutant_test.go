package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The code that the mistakes change is still there, and each changes something.
func TestListFollowsCode(t *testing.T) {
	for _, m := range mutants {
		text, err := os.ReadFile(filepath.Join("..", "..", m.file))
		if err != nil {
			t.Error(err)
			continue
		}
		switch wrong, err := m.apply(string(text)); {
		case err != nil:
			t.Error(err)
		case wrong == string(text):
			t.Errorf("%s changes nothing", m.name)
		}
	}
}

func TestFinder(t *testing.T) {
	for _, c := range []struct{ output, want string }{
		{"=== x\n--- FAIL: TestA (0.1s)\n    --- FAIL: TestA/b (0.1s)\n", "`TestA`"},
		{"TestB/New: not over after 2m0s\n", "`TestB/New`, which hangs"},
		{"panic: test timed out after 90s\n\trunning tests:\n\t\tTestC/x (90s)\n", "`TestC/x`, which hangs"},
		{"fatal error: all goroutines are asleep\n", "a crash"},
	} {
		if got := finder(c.output); got != c.want {
			t.Errorf("%q: %s, want %s", c.output, got, c.want)
		}
	}
}
