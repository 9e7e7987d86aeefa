package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// files are those of a small project in C. Its test uses printf, as everybody
// does, so it keeps standard output back where that is no terminal.
var files = map[string]string{
	"Makefile": `check: tests
	@./tests
tests: tests.c
	@echo "compiling $<"
	@$(CC) -o $@ $<
`,
	"tests.c": `#include <stdio.h>
int main(void) {
	printf("ok 1 - the empty list\n");
	printf("ok 2 - one element\n");
	fprintf(stderr, "list.c:12: warning: slow path\n");
	printf("not ok 3 - many elements\n");
	fprintf(stderr, "list.c:47: got 999, want 1000\n");
	printf("ok 4 - sorted\n");
	return 1;
}
`,
}

// recipe is the command that builds and tests it.
var recipe = []string{"make", "-B", "check"}

func makeProject(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// command returns one that runs in the project.
func (s studio) command(args ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = s.project
	cmd.Env = append(os.Environ(), "LC_ALL=C", "MAKEFLAGS=", "MAKELEVEL=", "TERM=xterm", "NO_COLOR=")
	return cmd
}

// drawBuild draws what a build with a failing test prints: through two pipes, and
// through iomux without and with a terminal.
func drawBuild(s studio) ([]byte, error) {
	build := func() *exec.Cmd { return s.command(recipe...) }
	printed, err := s.whatIsPrinted(build)
	if err != nil {
		return nil, err
	}
	return drawWays("A build and its test in C, in which standard error (red) tells why a test failed", nil, build, printed,
		panel{"two pipes, a reader for each", twoPipes},
		panel{"iomux: as it is written", s.throughIomux()},
		panel{"iomux -tty: as it is printed", s.throughIomux("-tty")})
}

// whatIsPrinted returns the lines in the order of a terminal, and the stream of
// each, which two pipes tell.
func (s studio) whatIsPrinted(command func() *exec.Cmd) ([]line, error) {
	apart, err := twoPipes(command())
	if err != nil {
		return nil, err
	}
	lines, err := onePipe(s.command("script", "-qefc", strings.Join(recipe, " "), "/dev/null"))
	for i := range lines {
		lines[i].text = strings.TrimSuffix(lines[i].text, "\r")
		lines[i].err = slices.Contains(apart, line{lines[i].text, true})
	}
	return lines, err
}
