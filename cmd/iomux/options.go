//go:build linux || (unix && experimental_unix)

package main

import (
	"errors"
	"flag"
	"math"
	"strings"
	"time"
)

// forever is the value of -wait if it is not given.
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

	name    string
	plain   bool // no control sequences
	cr      bool // a carriage return ends a line, too
	maxLine int  // bytes of a line that are kept, at most
	strict  bool // standard error counts as failure

	copies      []copyWanted
	appendFiles bool
	logFormat   string // the last that was given
	formatUsed  bool   // by a log
	reopen      bool   // at SIGHUP
	copiesGoOn  bool   // when nobody reads the screen any more

	wait      time.Duration
	socket    bool
	tty       string // off, on, pager
	killGroup bool
	blocking  string // auto, always, never
	command   []string

	help     bool
	version  bool
	generate string // "" for nothing
}

func newOptions() *options {
	return &options{color: "auto", maxLine: defaultMaxLine, wait: forever, tty: ttyOff, blocking: blockingAuto}
}

// parse reads the arguments of iomux. One of the flags that print something about
// iomux is enough: then there need not be a command.
func parse(args []string) (*options, error) {
	o := newOptions()
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		o.command = args // most commands are run without a flag, and start sooner
		return o, o.check()
	}
	f := newFlagSet(flagTable(o))
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) { // -help
		o.help = true
	} else if err != nil {
		return nil, err
	}
	if o.help || o.version || o.generate != "" {
		return o, nil
	}
	o.command = f.Args()
	return o, o.check()
}

// check rejects flags that cannot be combined, and sets what others imply.
func (o *options) check() error {
	switch {
	case o.json && o.annotate:
		return errors.New("-json and -annotate cannot be combined")
	case o.json && o.time != nil && !o.annotatedLog():
		return errors.New("-json and -time cannot be combined")
	case o.tty != ttyOff && o.blocking == blockingNever:
		return errors.New("-tty and -blocking=never cannot be combined")
	case len(o.command) == 0:
		return errNoCommand
	}
	if err := o.checkLogs(); err != nil {
		return err
	}
	if o.pid {
		o.socket = true
	}
	if !o.json && !o.annotatedLog() && (o.time != nil || o.pid) {
		o.annotate = true
	}
	if o.time == nil {
		o.time = layoutStamp(time.TimeOnly)
	}
	return nil
}
