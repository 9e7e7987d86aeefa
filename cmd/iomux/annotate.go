//go:build linux || (unix && experimental_unix)

package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seed-5082a588/iomux"
)

// annotated prints every line to standard output, with its time and its stream.
type annotated struct {
	out     sink
	time    stamp
	command []string
	pid     bool // the writer's, too
	color   bool // the lines of standard error

	began time.Time
	child int
	buf   []byte
}

func (a *annotated) started(at time.Time, pid int) {
	a.began, a.child = at, pid
	a.line(at, pid, "I", []byte("Started "+strings.Join(a.command, " ")))
}

func (a *annotated) print(d iomux.TaggedData) {
	kind := "O"
	if streamOf(d) == toStderr {
		kind = "E"
	}
	a.line(d.Time, d.PID, kind, bytes.TrimSuffix(d.Data, []byte("\n")))
}

func (a *annotated) pause() {}

func (a *annotated) finished(at time.Time, r result) {
	a.line(at, a.child, "I", fmt.Appendf(nil, "Finished with exitcode %d", r.code))
}

func (a *annotated) line(at time.Time, pid int, kind string, text []byte) {
	red := a.color && kind == "E"
	b := a.buf[:0]
	if red {
		b = append(b, redOn...)
	}
	b = a.time(b, at, a.began)
	b = append(b, ' ')
	if a.pid {
		b = strconv.AppendInt(b, int64(pid), 10)
		b = append(b, ' ')
	}
	b = append(append(b, kind...), ": "...)
	b = append(b, text...)
	if red {
		b = append(b, redOff...)
	}
	a.buf = append(b, '\n')
	a.out.write(toStdout, a.buf)
}
