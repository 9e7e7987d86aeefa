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

func newPrinter(o *options, out *streams) printer {
	if wantColor(o.color, os.Stderr) {
		return &colored{out: out, shared: out.shared}
	}
	return &plain{out}
}

func streamOf(d iomux.TaggedData) stream {
	if d.Tag == iomux.Stderr {
		return toStderr
	}
	return toStdout
}
