// Build runs the steps of a build one after another. It prints one line for each
// step. If a step fails, it also prints the last lines of its standard output and
// standard error, in the order of the writes.
//
//	go run ./examples/build                      a demonstration
//	go run ./examples/build 'go vet .' 'make -j4'
package main

import (
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/seed-5082a588/iomux/capture"
)

const (
	lastLines   = 10      // printed if a step fails
	longestLine = 4 << 10 // a longer one counts as several
)

// demo is what is built without arguments; its last step fails, as it should.
var demo = []string{
	"echo reading 3 files; echo warning: 1 is old >&2",
	"for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo compiling $i; done; echo 'main.c:7: unknown name' >&2; exit 1",
}

func main() {
	steps := os.Args[1:]
	if len(steps) == 0 {
		steps = demo
	}
	for i, step := range steps {
		if err := run(i+1, step); err != nil {
			fmt.Println(err)
			if len(os.Args) > 1 {
				os.Exit(1)
			}
		}
	}
}

// run runs a step.
func run(number int, step string) error {
	begin := time.Now()
	var last tail
	for line, err := range capture.LimitLines(capture.Output(exec.Command("sh", "-c", step)), longestLine) {
		if err != nil {
			return fmt.Errorf("step %d failed: %w\n%s", number, err, last.text())
		}
		last.add(string(line.Data))
	}
	fmt.Printf("step %d done in %v, %d lines\n", number, time.Since(begin).Round(time.Millisecond), last.n)
	return nil
}

// A tail holds the last lines of a text.
type tail struct {
	lines [lastLines]string
	n     int // of all lines
}

func (t *tail) add(line string) {
	t.lines[t.n%lastLines] = line
	t.n++
}

func (t *tail) text() (text string) {
	for i := max(0, t.n-lastLines); i < t.n; i++ {
		text += "    " + t.lines[i%lastLines]
	}
	if left := t.n - lastLines; left > 0 {
		text = fmt.Sprintf("    ... %d lines before\n", left) + text
	}
	return text
}
