//go:build linux || (unix && experimental_unix)

package main

import (
	"errors"
	"flag"
	"io"
	"math"
	"time"
)

// forever is the -wait that is not given.
const forever = time.Duration(math.MaxInt64)

var errNoCommand = errors.New("no command")

// options is what the flags say.
type options struct {
	wait    time.Duration
	socket  bool
	color   string
	command []string
}

func parse(args []string) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("iomux", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.DurationVar(&o.wait, "wait", forever, "")
	f.BoolVar(&o.socket, "socket", false, "")
	f.StringVar(&o.color, "color", "auto", "")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	o.command = f.Args()
	if len(o.command) == 0 {
		return nil, errNoCommand
	}
	return o, nil
}
