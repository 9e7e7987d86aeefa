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
	// refused is called instead of all that for a command that could not be
	// started.
	refused(at time.Time, message string, code int)
}

// idleTime is how long an unfinished line waits for the rest before it is shown.
const idleTime = 200 * time.Millisecond

// A view is a way in which output is shown, or kept in a file.
type view struct {
	printer
	of  [2]bool // these streams
	out sink
}

type views []view

var bothStreams = [2]bool{true, true}

// newViews makes the printers that the options ask for, on the screen and in the
// files.
func newViews(o *options, screen sink, out *streams, files *copies) views {
	v := screenViews(o, screen, out)
	for _, f := range files.list {
		v = append(v, copyView(o, f))
	}
	return v
}

func screenViews(o *options, screen sink, out *streams) views {
	color := [2]bool{toStdout: wantColor(o.color, os.Stdout), toStderr: wantColor(o.color, os.Stderr)}
	idle := idleTime
	if o.quiet { // it is shown at the end, or never
		idle = 0
	}
	switch {
	case o.json:
		out.takeLines()
		return views{{o.newLines(newJSONLines(screen, o.name), o.plain, idle), bothStreams, screen}}
	case o.annotate:
		out.takeLines()
		t := o.newText(screen, color[toStdout])
		t.annotate, t.shared, t.color = true, true, color[toStdout]
		return views{{o.newLines(t, o.plain, idle), bothStreams, screen}}
	case o.name != "":
		out.takeLines()
		t := o.newText(screen, color[toStdout] && color[toStderr] || o.color == "always")
		t.shared, t.color = out.shared(), color[toStderr]
		return views{{o.newLines(t, o.plain, idle), bothStreams, screen}}
	}
	return o.rawViews(screen, out, color[toStderr], idle)
}

// rawViews print each stream to its own, as it is, or without control sequences
// where that is wanted and it is no terminal.
func (o *options) rawViews(screen sink, out *streams, color bool, idle time.Duration) (v views) {
	raw, cleaned := bothStreams, [2]bool{}
	if o.plain {
		raw = [2]bool{isTerminal(os.Stdout), isTerminal(os.Stderr)}
		cleaned = [2]bool{!raw[toStdout], !raw[toStderr]}
	}
	if raw[toStdout] || raw[toStderr] {
		var p printer = &plain{screen}
		if color {
			p = &colored{out: screen, shared: out.shared()}
		}
		v = append(v, view{p, raw, screen})
	}
	if cleaned[toStdout] || cleaned[toStderr] {
		t := &text{out: screen, shared: out.shared()}
		v = append(v, view{o.newLines(t, true, idle), cleaned, screen})
	}
	return v
}

// copyView is what is written to a file. Nobody waits for it to be answered, so
// its lines are whole.
func copyView(o *options, f output) view {
	var to linePrinter
	switch {
	case f.format == "json":
		to = newJSONLines(f.file, o.name)
	case f.format == "annotate":
		t := o.newText(f.file, false)
		t.annotate = true
		to = t
	case f.format != "" && o.name != "":
		to = o.newText(f.file, false)
	case o.plain:
		to = &text{out: f.file, shared: true}
	default:
		return view{&plain{f.file}, f.of, f.file}
	}
	f.file.place.takeLines()
	return view{o.newLines(to, o.plain, 0), f.of, f.file}
}

func (o *options) newLines(to linePrinter, clean bool, idle time.Duration) *lines {
	return &lines{to: to, max: o.maxLine, idle: idle, cr: o.cr, clean: clean}
}

// newText is a printer of text in one place.
func (o *options) newText(out sink, color bool) *text {
	return &text{
		out: out, shared: true, name: nameHead(o.name, color),
		time: newStamper(o.time), command: o.command, pid: o.pid,
	}
}

func (v views) started(at time.Time, pid int) {
	for _, w := range v {
		w.started(at, pid)
	}
}

func (v views) print(d iomux.TaggedData) {
	s := streamOf(d)
	for _, w := range v {
		if w.of[s] {
			w.print(d)
		}
	}
}

// pause has everything written before a wait for more.
func (v views) pause() {
	for _, w := range v {
		w.pause()
		w.out.flush()
	}
}

func (v views) finished(at time.Time, r result) {
	for _, w := range v {
		w.finished(at, r)
		w.out.flush()
	}
}

func (v views) refused(at time.Time, message string, code int) {
	for _, w := range v {
		w.refused(at, message, code)
		w.out.flush()
	}
}

// due returns when something is to be shown if nothing comes before that, or
// zero if there is nothing.
func (v views) due() (first time.Time) {
	for _, w := range v {
		l, ok := w.printer.(*lines)
		if !ok {
			continue
		}
		if at := l.due(); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// colored reports whether the screen may be left red.
func (v views) colored() bool {
	for _, w := range v {
		if _, ok := w.printer.(*colored); ok {
			return true
		}
	}
	return false
}

func streamOf(d iomux.TaggedData) stream {
	if d.Tag == iomux.Stderr {
		return toStderr
	}
	return toStdout
}
