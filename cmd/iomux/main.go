//go:build linux || (unix && experimental_unix)

// Command iomux runs a command and copies its standard output and standard error, in
// the order in which they are written.
//
// iomux -h explains the flags.
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() { os.Exit(iomuxMain(os.Args[1:])) }

// iomuxMain is the whole command. It returns the exit code, unless iomux dies of the
// signal that killed its command.
func iomuxMain(args []string) int {
	o, err := parse(args)
	switch {
	case errors.Is(err, errNoCommand):
		fmt.Fprint(os.Stderr, shortUsage)
		return exitFailed
	case err != nil:
		fmt.Fprintf(os.Stderr, "iomux: %v (see iomux -h)\n", err)
		return exitFailed
	case o.help:
		return printText(helpPage())
	case o.version:
		return printText(versionLine())
	case o.generate != "":
		return printText(generate(o.generate, flagTable(newOptions())))
	}
	r := execute(o)
	if r.signal != 0 {
		dieOf(r.signal)
	}
	return r.code
}

// printText prints something about iomux itself.
func printText(text string) int {
	if _, err := os.Stdout.WriteString(text); err != nil {
		return exitFailed
	}
	return 0
}
