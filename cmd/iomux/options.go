//go:build linux || (unix && experimental_unix)

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"time"
)

// forever is the -wait that is not given.
const forever = time.Duration(math.MaxInt64)

var errNoCommand = errors.New("no command")

// options is what the flags say.
type options struct {
	annotate bool
	json     bool
	quiet    bool
	color    string // auto, always, never
	time     stamp  // nil if not given
	pid      bool

	stdoutFile   string // "" for none, as for the others
	stderrFile   string
	combinedFile string
	appendFiles  bool

	wait    time.Duration
	socket  bool
	command []string
}

func parse(args []string) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("iomux", flag.ContinueOnError)
	f.SetOutput(io.Discard) // main prints the error, and the help page
	f.Usage = func() {}
	f.BoolVar(&o.annotate, "annotate", false, "")
	f.BoolVar(&o.json, "json", false, "")
	f.BoolVar(&o.quiet, "quiet", false, "")
	f.StringVar(&o.color, "color", "auto", "")
	f.Func("time", "", func(layout string) (err error) {
		o.time, err = newStamp(layout)
		return err
	})
	f.BoolVar(&o.pid, "pid", false, "")
	f.Func("stdout-file", "", fileName(&o.stdoutFile))
	f.Func("stderr-file", "", fileName(&o.stderrFile))
	f.Func("combined-file", "", fileName(&o.combinedFile))
	f.BoolVar(&o.appendFiles, "append", false, "")
	f.DurationVar(&o.wait, "wait", forever, "")
	f.BoolVar(&o.socket, "socket", false, "")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	o.command = f.Args()
	return o, o.check()
}

// fileName stores the name of a file, which must not be empty.
func fileName(to *string) func(string) error {
	return func(name string) error {
		if name == "" {
			return errors.New("no file name")
		}
		*to = name
		return nil
	}
}

// check refuses what does not go together, and adds what goes without saying.
func (o *options) check() error {
	switch {
	case o.color != "auto" && o.color != "always" && o.color != "never":
		return fmt.Errorf("invalid value %q for flag -color: not auto, always or never", o.color)
	case o.json && o.annotate:
		return errors.New("-json and -annotate do not go together")
	case o.json && o.time != nil:
		return errors.New("-json and -time do not go together")
	case o.wait < 0:
		return fmt.Errorf("invalid value \"%v\" for flag -wait: negative", o.wait)
	case len(o.command) == 0:
		return errNoCommand
	}
	if o.pid {
		o.socket = true
	}
	if !o.json && (o.time != nil || o.pid) {
		o.annotate = true
	}
	if o.time == nil {
		o.time = layoutStamp(time.TimeOnly)
	}
	return nil
}
