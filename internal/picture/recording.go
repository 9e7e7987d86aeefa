package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// A scene is a command of a recording, and what the terminal shows of it.
type scene struct {
	typed string
	lines []shownLine
}

// A shownLine is one line on the screen, and how long after the last one.
type shownLine struct {
	text  string // with the codes for colours
	after time.Duration
}

// recorded are the commands, as they are typed.
var recorded = []string{
	"iomux -tty make -B check",
	"iomux -tty -annotate -time=elapsed make -B check",
	"iomux -tty -json make -B check",
}

// drawRecording records what iomux prints on a terminal, and draws it as a film.
func drawRecording(s studio) ([]byte, error) {
	var scenes []scene
	for _, typed := range recorded {
		lines, err := s.record(typed)
		if err != nil {
			return nil, err
		}
		scenes = append(scenes, scene{typed, lines})
	}
	return film(scenes), nil
}

// record runs one of the commands on a terminal of its own, which script(1)
// makes, and notes when each line came.
func (s studio) record(typed string) ([]shownLine, error) {
	command := strings.Replace(typed, "iomux", s.iomux, 1)
	cmd := s.command("script", "-qefc", command, "/dev/null")
	var r recorder
	cmd.Stdout, cmd.Stderr = &r, &r
	if err := ignoreExit(cmd.Run()); err != nil {
		return nil, err
	}
	if len(r.lines) == 0 {
		return nil, fmt.Errorf("%s printed nothing", typed)
	}
	return r.lines, nil
}

// A recorder notes lines, with the time at which each began.
type recorder struct {
	lines []shownLine
	rest  []byte
	last  time.Time
}

func (r *recorder) Write(p []byte) (int, error) {
	now := time.Now()
	r.rest = append(r.rest, p...)
	for {
		text, rest, ok := bytes.Cut(r.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		var after time.Duration
		if !r.last.IsZero() {
			after = now.Sub(r.last)
		}
		r.last = now
		r.lines = append(r.lines, shownLine{strings.TrimRight(string(text), "\r"), after})
		r.rest = bytes.Clone(rest)
	}
}

// sgr is a code for colours (ECMA-48, 8.3.117), other a code for anything else.
var sgr, other = regexp.MustCompile("\x1b\\[([0-9;]*)m"), regexp.MustCompile("\x1b\\[[0-9;?]*[A-LN-Za-ln-z]")

// A span is text of one colour.
type span struct{ class, text string }

// spans splits a line where its colour changes.
func spans(text string) (all []span) {
	text = other.ReplaceAllString(text, "")
	class := "out"
	for text != "" {
		at := sgr.FindStringSubmatchIndex(text)
		if at == nil {
			return append(all, span{class, text})
		}
		if at[0] > 0 {
			all = append(all, span{class, text[:at[0]]})
		}
		class = classOf(text[at[2]:at[3]], class)
		text = text[at[1]:]
	}
	return all
}

// classOf is the style after a code for colours.
func classOf(codes, before string) string {
	class := before
	for code := range strings.SplitSeq(codes, ";") {
		switch strings.TrimLeft(code, "0") {
		case "", "39":
			class = "out"
		case "1":
			class = "bold"
		case "31", "91":
			class = "err"
		case "35", "95":
			class = "magenta"
		case "32", "36", "92", "96":
			class = "title"
		}
	}
	return class
}
