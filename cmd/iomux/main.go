//go:build linux || (unix && experimental_unix)

// Command iomux runs a command and shows what it writes to its standard output
// and standard error, in the order in which it was written.
//
// iomux -h tells the rest.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() { os.Exit(iomuxMain(os.Args[1:])) }

// iomuxMain is the whole command; it gives the exit code.
func iomuxMain(args []string) int {
	o, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		if _, err := os.Stdout.WriteString(helpPage); err != nil {
			return exitFailed
		}
		return 0
	case errors.Is(err, errNoCommand):
		fmt.Fprint(os.Stderr, shortUsage)
		return exitFailed
	case err != nil:
		fmt.Fprintf(os.Stderr, "iomux: %v (see iomux -h)\n", err)
		return exitFailed
	}
	return execute(o)
}
