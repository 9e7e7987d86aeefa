//go:build linux || (unix && experimental_unix)

package main

import (
	"bytes"
	"time"
	"unicode/utf8"

	"github.com/seed-5082a588/iomux"
)

// A line is a line that the command has written, or a part of one: what had arrived
// when the command fell silent, or as much as is kept of a line.
type line struct {
	stream stream
	time   time.Time // of its first byte, as pid
	pid    int
	text   []byte // without the end of the line
	rest   bool   // it continues the one before it of this stream
	open   bool   // the end of the line has not come
}

// A linePrinter shows what a command does, line by line.
type linePrinter interface {
	started(at time.Time, pid int)
	line(l line)
	finished(at time.Time, r result)
	refused(at time.Time, message string, code int)
}

// lines is the printer that turns the output into lines for a linePrinter. Each line
// is passed on once: whole when its end has arrived, or in parts if it is longer than
// max bytes, or if its beginning has waited for the rest for as long as idle.
//
// It does not use iomux.LimitLines, because a sequence does not know how long it has
// waited.
type lines struct {
	to    linePrinter
	max   int
	idle  time.Duration // 0: an unfinished line is never shown
	cr    bool          // a carriage return ends a line, too
	clean bool          // the lines are as a terminal would show them

	of [2]unfinished // of each stream
}

// unfinished is the beginning of a line of which not everything has been passed
// on.
type unfinished struct {
	text  []byte // a copy
	time  time.Time
	pid   int
	rest  bool      // a part has been passed on
	cr    bool      // a carriage return was the last byte: a newline may belong to it
	since time.Time // when the last of text came
	row   row       // how it would look, for clean
}

func (s *lines) started(at time.Time, pid int) { s.to.started(at, pid) }

func (s *lines) refused(at time.Time, message string, code int) { s.to.refused(at, message, code) }

func (s *lines) print(d iomux.TaggedData) {
	u := &s.of[streamOf(d)]
	if s.clean {
		s.render(u, d)
	} else {
		s.split(u, d)
	}
	if s.idle > 0 && len(u.text) > 0 {
		u.since = time.Now()
	}
}

// split passes on the lines that d completes, and keeps what is left of it.
func (s *lines) split(u *unfinished, d iomux.TaggedData) {
	for p := d.Data; len(p) > 0; {
		if u.cr {
			u.cr = false
			if p[0] == '\n' {
				p = p[1:]
				continue
			}
		}
		n := s.end(p)
		if n < 0 {
			s.keep(u, d, p)
			return
		}
		u.cr = p[n] == '\r'
		s.finish(u, d, p[:n])
		p = p[n+1:]
	}
}

// end returns the index of the first end of a line, or -1.
func (s *lines) end(p []byte) int {
	n := bytes.IndexByte(p, '\n')
	if !s.cr {
		return n
	}
	before := p
	if n >= 0 {
		before = p[:n]
	}
	if cr := bytes.IndexByte(before, '\r'); cr >= 0 {
		return cr
	}
	return n
}

// keep adds p, a part of d, to what is unfinished.
func (s *lines) keep(u *unfinished, d iomux.TaggedData, p []byte) {
	p = s.cut(u, d, p)
	if len(u.text) == 0 {
		u.time, u.pid = d.Time, d.PID
	}
	u.text = append(u.text, p...)
}

// finish passes on the line that ends with p, a part of d. A carriage return alone
// is not a line.
func (s *lines) finish(u *unfinished, d iomux.TaggedData, p []byte) {
	p = s.cut(u, d, p)
	switch {
	case len(u.text) > 0:
		u.text = append(u.text, p...)
		s.emit(u, streamOf(d), u.text, false)
		u.text = u.text[:0]
	case len(p) > 0 || u.rest || !u.cr:
		u.time, u.pid = d.Time, d.PID
		s.emit(u, streamOf(d), p, false)
	default:
		u.cr = false // it has ended nothing
	}
}

// cut passes on parts of a line until what is left of it, with p, is no longer
// than a line may be. It returns what is left of p.
func (s *lines) cut(u *unfinished, d iomux.TaggedData, p []byte) []byte {
	for len(u.text)+len(p) > s.max {
		if len(u.text) == 0 {
			u.time, u.pid = d.Time, d.PID
			n := wholeRunes(p[:s.max])
			s.emit(u, streamOf(d), p[:n], true)
			p = p[n:]
			continue
		}
		n := max(s.max-len(u.text), 0)
		u.text, p = append(u.text, p[:n]...), p[n:]
		n = wholeRunes(u.text)
		s.emit(u, streamOf(d), u.text[:n], true)
		u.text = append(u.text[:0], u.text[n:]...)
		u.time, u.pid = d.Time, d.PID
	}
	return p
}

func (s *lines) emit(u *unfinished, of stream, text []byte, open bool) {
	s.to.line(line{stream: of, time: u.time, pid: u.pid, text: text, rest: u.rest, open: open})
	u.rest = open
}

// wholeRunes returns the length of p without an unfinished character at its end,
// unless that is all of it.
func wholeRunes(p []byte) int {
	for i := len(p) - 1; i >= max(1, len(p)-utf8.UTFMax); i-- {
		if utf8.RuneStart(p[i]) {
			if utf8.FullRune(p[i:]) {
				break
			}
			return i
		}
	}
	return len(p)
}

// due returns when an unfinished line is to be shown if nothing more of it comes,
// or zero if there is none.
func (s *lines) due() (at time.Time) {
	if s.idle == 0 {
		return at
	}
	for i := range s.of {
		if u := &s.of[i]; len(u.text) > 0 && (at.IsZero() || u.since.Add(s.idle).Before(at)) {
			at = u.since.Add(s.idle)
		}
	}
	return at
}

// pause passes on the unfinished lines that have waited long enough.
func (s *lines) pause() {
	if at := s.due(); at.IsZero() || time.Now().Before(at) {
		return
	}
	now := time.Now()
	s.oldestFirst(func(u *unfinished) bool { return now.Sub(u.since) >= s.idle })
}

// finished passes on what is left, and the end of the command.
func (s *lines) finished(at time.Time, r result) {
	s.oldestFirst(func(*unfinished) bool { return true })
	s.to.finished(at, r)
}

// oldestFirst passes on the unfinished lines that are wanted.
func (s *lines) oldestFirst(wanted func(*unfinished) bool) {
	order := [2]stream{toStdout, toStderr}
	if s.of[toStderr].time.Before(s.of[toStdout].time) {
		order = [2]stream{toStderr, toStdout}
	}
	for _, of := range order {
		u := &s.of[of]
		if !wanted(u) {
			continue
		}
		u.text = u.row.release(u.text)
		if len(u.text) > 0 {
			s.emit(u, of, u.text, true)
			u.text, u.row.back = u.text[:0], 0
		}
	}
}
