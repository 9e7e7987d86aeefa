//go:build linux || (unix && experimental_unix)

package main

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

// text prints lines for people. Every line may have a head: a name, and if it is
// annotated the time, the process and the stream.
type text struct {
	out      sink
	shared   bool   // both streams lead to the same place
	name     []byte // with what is between it and the line; nil: none
	annotate bool   // to standard output
	time     *stamper
	command  []string
	pid      bool // the writer's, too
	color    bool // the lines of standard error are red

	child int
	open  [2]opened // of each place that lines go to
	buf   []byte
}

// opened says which stream has left an unfinished line at a place.
type opened int

const nobodys opened = 0

func openedBy(s stream) opened { return opened(s) + 1 }

// names have one of these colours each; red is for standard error.
var nameColors = []string{"36", "32", "33", "34", "35", "96", "92", "93", "94", "95"}

// nameHead is the head of the lines of name.
func nameHead(name string, color bool) []byte {
	if name == "" {
		return nil
	}
	if !color {
		return []byte(name + " | ")
	}
	h := fnv.New32a()
	h.Write([]byte(name))
	return []byte(escapeCode(nameColors[h.Sum32()%uint32(len(nameColors))]) + name + " |" + redOff + " ")
}

func escapeCode(n string) string { return string(escape) + "[" + n + "m" }

func (t *text) started(at time.Time, pid int) {
	t.child = pid
	if t.annotate {
		t.time.began = at
		t.note(at, "Started "+strings.Join(t.command, " "))
	}
}

// note prints a line about the command.
func (t *text) note(at time.Time, text string) {
	b := append(t.end(t.buf[:0], toStdout), t.name...)
	b = t.stamp(b, at, t.child, "I: ")
	t.print(toStdout, append(append(b, text...), '\n'))
}

func (t *text) print(to stream, b []byte) {
	t.buf = b
	t.out.write(to, b)
}

// line prints a line. A part of one is left without an end, so that the rest can
// follow it there; if something else comes first, the rest gets a head.
func (t *text) line(l line) {
	to := l.stream
	if t.annotate {
		to = toStdout
	}
	b := t.buf[:0]
	red := t.color && l.stream == toStderr
	place := t.place(to)
	follows := l.rest && *place == openedBy(l.stream)
	if !follows {
		b = append(t.end(b, to), t.name...)
	}
	if red {
		b = append(b, redOn...)
	}
	if !follows && t.annotate {
		b = t.stamp(b, l.time, l.pid, kindOf(l))
	}
	b = append(b, l.text...)
	if red {
		b = append(b, redOff...)
	}
	*place = openedBy(l.stream)
	if !l.open {
		b = append(b, '\n')
		*place = nobodys
	}
	t.print(to, b)
}

// kindOf returns the mark of a line: its stream, and whether it begins or continues.
func kindOf(l line) string {
	switch {
	case l.stream == toStderr && l.rest:
		return "E+ "
	case l.stream == toStderr:
		return "E: "
	case l.rest:
		return "O+ "
	}
	return "O: "
}

func (t *text) place(to stream) *opened {
	if t.shared {
		to = toStdout
	}
	return &t.open[to]
}

// end ends the line that was left open there.
func (t *text) end(b []byte, to stream) []byte {
	place := t.place(to)
	if *place != nobodys {
		b = append(b, '\n')
	}
	*place = nobodys
	return b
}

func (t *text) stamp(b []byte, at time.Time, pid int, kind string) []byte {
	b = append(t.time.append(b, at), ' ')
	if t.pid {
		b = append(strconv.AppendInt(b, int64(pid), 10), ' ')
	}
	return append(b, kind...)
}

// refused reports a command that could not be started.
func (t *text) refused(at time.Time, message string, code int) {
	if !t.annotate {
		return
	}
	t.time.began = at
	t.line(line{stream: toStderr, time: at, text: []byte("iomux: " + message)})
	t.note(at, finishedText(code))
}

func (t *text) finished(at time.Time, r result) {
	switch {
	case t.annotate:
		t.note(at, finishedText(r.code))
	case t.name != nil: // what follows is another's
		for _, s := range [2]stream{toStdout, toStderr} {
			if b := t.end(t.buf[:0], s); len(b) > 0 {
				t.print(s, b)
			}
		}
	}
}

func finishedText(code int) string { return fmt.Sprintf("Finished with exitcode %d", code) }
