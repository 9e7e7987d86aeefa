package iomux_test

import (
	"fmt"
	"log"
	"os/exec"

	"github.com/seed-5082a588/iomux"
)

// Run a program that cannot write to a socket: opening /dev/stderr fails there.
func ExampleNewPipe() {
	m, err := iomux.NewPipe()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	cmd := exec.Command("sh", "-c", "echo opened >/dev/stderr")
	for line, err := range iomux.Lines(m.Output(cmd)) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s", line.Tag, line.Data)
	}
	// Output:
	// stderr: opened
}
