//go:build linux && (amd64 || arm64)

// Package terminals_test proves that programs behave on the terminals of package
// tty as they do on a real one.
package terminals_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/seed-5082a588/iomux/internal/muxtest"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "greet" {
		fmt.Println("out")
		fmt.Fprintln(os.Stderr, "err")
		fmt.Println("out")
		os.Exit(3)
	}
	muxtest.Main(m)
}
