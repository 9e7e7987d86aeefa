//go:build linux || (unix && experimental_unix)

package main

import (
	"os"
	"time"

	"github.com/seed-5082a588/iomux"
)

// A printer shows what a command does.
type printer interface {
	started(at time.Time, pid int)
	print(d iomux.TaggedData)
	// pause is called before a wait for more output, and finished at the end.
	pause()
	finished(at time.Time, r result)
}

// newPrinter makes the printer that the options ask for. It tells whether that
// wants whole lines.
func newPrinter(o *options, out sink, shared bool) (_ printer, lines bool) {
	switch {
	case o.json:
		return &jsonLines{out}, true
	case o.annotate:
		color := wantColor(o.color, os.Stdout)
		return &annotated{out: out, time: o.time, command: o.command, pid: o.pid, color: color}, true
	case wantColor(o.color, os.Stderr):
		return &colored{out: out, shared: shared}, false
	}
	return &plain{out}, false
}

func streamOf(d iomux.TaggedData) stream {
	if d.Tag == iomux.Stderr {
		return toStderr
	}
	return toStdout
}
