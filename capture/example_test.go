package capture_test

import (
	"fmt"
	"log"
	"os/exec"

	"github.com/seed-5082a588/iomux/capture"
)

// The same code on every system.
func Example() {
	cmd := exec.Command("go", "env", "GOVERSION", "GOOS_that_does_not_exist")
	lines := 0
	for line, err := range capture.Lines(capture.Output(cmd)) {
		if err != nil {
			log.Fatal(err) // an *exec.ExitError if the command failed
		}
		if line.Tag == capture.Stdout {
			lines++
		}
	}
	fmt.Println(lines, "lines")
	// Output:
	// 2 lines
}

// The loop of the package comment.
func ExampleOutput() {
	cmd := exec.Command("go", "vet", "./...")
	for line, err := range capture.Lines(capture.Output(cmd)) {
		if err != nil {
			log.Fatal(err) // an *exec.ExitError if the command failed
		}
		fmt.Printf("%s: %s", line.Tag, line.Data)
	}
}
