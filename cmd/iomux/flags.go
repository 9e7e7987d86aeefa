//go:build linux || (unix && experimental_unix)

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A flagRow is one flag: all that the flag set, the help page, the manual page
// and the completions know of it.
type flagRow struct {
	name  string
	value string // what its value is called; "" if it has none
	group group
	help  string // in plain words; the pages break the lines
	setting
}

// A group is a part of the help page.
type group int

const (
	printing group = iota
	copying
	running
	about
)

var groupTitles = [...]string{
	printing: "What is printed",
	copying:  "Copies, beside that",
	running:  "How it runs",
	about:    "About iomux",
}

// flagTable is every flag, in the order of the help page. What a flag says goes
// into o.
func flagTable(o *options) []flagRow {
	return []flagRow{
		{"color", "WHEN", printing, "standard error in red: always, never, or auto (default): on a terminal, unless NO_COLOR is set or TERM is dumb",
			oneOf(&o.color, "always", "never", "auto")},
		{"annotate", "", printing, `every line to standard output, as "15:04:05 O: text" or "E: text", with "I: Started" and "I: Finished" around`,
			onOff(&o.annotate)},
		{"time", "LAYOUT", printing, "annotate with another time: a layout of Go's time package (15:04:05.000), or elapsed, unix, rfc3339",
			parsed(func(layout string) (err error) { o.time, err = newStamp(layout); return err }, "elapsed", "unix", "rfc3339")},
		{"pid", "", printing, "annotate with the process that wrote; implies -socket",
			onOff(&o.pid)},
		{"json", "", printing, "every line as a JSON object: time, stream, text (base64 where it is not UTF-8), partial if without newline, pid with -socket; then the exit event",
			onOff(&o.json)},
		{"quiet", "", printing, "nothing if the command succeeds, else all, at its end",
			onOff(&o.quiet)},

		{"stdout-file", "FILE", copying, "of the standard output",
			file(&o.stdoutFile)},
		{"stderr-file", "FILE", copying, "of the standard error",
			file(&o.stderrFile)},
		{"combined-file", "FILE", copying, "of both, in order",
			file(&o.combinedFile)},
		{"append", "", copying, "add to these files instead of emptying them first",
			onOff(&o.appendFiles)},

		{"wait", "DURATION", running, "after the command's end, wait no longer than that (2s, 0) for what its children still write; by default to the end",
			duration(&o.wait)},
		{"socket", "", running, "use datagram sockets instead of pipes",
			onOff(&o.socket)},

		{"h", "", about, "this page",
			onOff(&o.help)},
		{"version", "", about, "the version",
			onOff(&o.version)},
	}
}

// newFlagSet is the table as a flag set. It prints nothing itself.
func newFlagSet(table []flagRow) *flag.FlagSet {
	f := flag.NewFlagSet("iomux", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	for _, r := range table {
		if r.argument() == required {
			f.Func(r.name, r.help, r.parse)
		} else {
			f.BoolFunc(r.name, r.help, r.parse)
		}
	}
	return f
}

// An argument says whether a flag takes one.
type argument int

const (
	none     argument = iota
	optional          // -flag, or -flag=value; "true" is parsed for the first
	required
)

func (r flagRow) argument() argument {
	switch {
	case r.value == "":
		return none
	case r.optional:
		return optional
	}
	return required
}

// A setting is how the value of a flag is parsed and stored.
type setting struct {
	parse    func(string) error
	words    []string // values for completions to offer
	files    bool     // they are to offer files
	optional bool     // the value may be left out, then "true" is parsed
}

func onOff(to *bool) setting {
	return setting{parse: func(text string) (err error) {
		if *to, err = strconv.ParseBool(text); err != nil {
			err = errors.New("neither true nor false")
		}
		return err
	}}
}

func oneOf(to *string, words ...string) setting {
	return setting{words: words, parse: func(text string) error {
		if !slices.Contains(words, text) {
			last := len(words) - 1
			return fmt.Errorf("not %s or %s", strings.Join(words[:last], ", "), words[last])
		}
		*to = text
		return nil
	}}
}

// orNone makes the value optional: without it, it is word.
func (s setting) orNone(word string) setting {
	parse := s.parse
	s.optional = true
	s.parse = func(text string) error {
		if text == "true" {
			text = word
		}
		return parse(text)
	}
	return s
}

// parsed takes what parse accepts; words are some of it.
func parsed(parse func(string) error, words ...string) setting {
	return setting{parse: parse, words: words}
}

// file takes the name of a file, which must not be empty.
func file(to *string) setting {
	return setting{files: true, parse: func(name string) error {
		if name == "" {
			return errors.New("no file name")
		}
		*to = name
		return nil
	}}
}

// files takes any number of them, by a flag that may be repeated.
func files(to *[]string) setting {
	return setting{files: true, parse: func(name string) error {
		var one string
		if err := file(&one).parse(name); err != nil {
			return err
		}
		*to = append(*to, one)
		return nil
	}}
}

// duration takes one that is not negative.
func duration(to *time.Duration) setting {
	return setting{parse: func(text string) error {
		d, err := time.ParseDuration(text)
		switch {
		case err != nil:
			return errors.New("not a duration such as 2s, 500ms or 0")
		case d < 0:
			return errors.New("negative")
		}
		*to = d
		return nil
	}}
}
