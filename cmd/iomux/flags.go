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
	copying:  "Copies",
	running:  "How it runs",
	about:    "About iomux",
}

// flagTable is every flag, in the order of the help page. What a flag says goes
// into o.
func flagTable(o *options) []flagRow {
	return []flagRow{
		{"color", "WHEN", printing, "print standard error in red: always, never, or auto (the default), which is on a terminal unless NO_COLOR is set or TERM is dumb",
			oneOf(&o.color, "always", "never", "auto")},
		{"annotate", "", printing, `print every line to standard output, as "15:04:05 O: text" or "15:04:05 E: text", between "I: Started" and "I: Finished"`,
			onOff(&o.annotate)},
		{"time", "LAYOUT", printing, "the time in annotated lines: a layout of Go's time package (15:04:05.000), or elapsed, unix, rfc3339; implies -annotate unless an annotated -log is given",
			parsed(func(layout string) (err error) { o.time, err = newStamp(layout); return err }, "elapsed", "unix", "rfc3339")},
		{"pid", "", printing, "the ID of the process that wrote, in annotated lines; implies -annotate, likewise, and -socket",
			onOff(&o.pid)},
		{"json", "", printing, `print every line as a JSON object: time, name, stream, pid (with -socket), text (base64 if it is not UTF-8), "partial":true for a part of a line, and "last":true for the part that ends it; the last object is the exit event`,
			onOff(&o.json)},
		{"name", "NAME", printing, `print NAME before every line, as in "web | text", and in the JSON objects`,
			parsed(o.setName)},
		{"quiet", "", printing, "print nothing if the command succeeds; otherwise print all its output when it has ended, and how it ended",
			onOff(&o.quiet)},
		{"strict", "", printing, "fail (exit code 1) if the command writes to standard error",
			onOff(&o.strict)},
		{"plain", "", printing, "remove colours and other control sequences, and keep only the last state of a line that is overwritten (progress): in files, and in what is printed, except on a terminal that gets the output as it is",
			onOff(&o.plain)},
		{"cr", "", printing, "end a line at a carriage return, too",
			onOff(&o.cr)},
		{"max-line", "SIZE", printing, "print lines longer than SIZE in parts (4096, 64K; the default is 1M)",
			parsed(o.setMaxLine)},

		{"stdout-file", "FILE", copying, "copy standard output to FILE",
			file(o.copyTo(false, toStdout))},
		{"stderr-file", "FILE", copying, "copy standard error to FILE",
			file(o.copyTo(false, toStderr))},
		{"combined-file", "FILE", copying, "copy both to FILE, in order",
			file(o.copyTo(false, toStdout, toStderr))},
		{"log", "FILE", copying, "copy both to FILE, as -annotate prints them",
			file(o.addLog)},
		{"log-format", "FORMAT", copying, "the format of the logs that follow: annotate (the default), json, or plain; the first -log-format also applies to the logs before it",
			parsed(o.setLogFormat, logFormats...)},
		{"append", "", copying, "append to all these files instead of emptying them first",
			onOff(&o.appendFiles)},
		{"stdout-append", "FILE", copying, "append standard output to FILE",
			file(o.copyTo(true, toStdout))},
		{"stderr-append", "FILE", copying, "append standard error to FILE",
			file(o.copyTo(true, toStderr))},
		{"combined-append", "FILE", copying, "append both to FILE, in order",
			file(o.copyTo(true, toStdout, toStderr))},
		{"reopen", "", copying, "on SIGHUP, reopen the files by name, for logrotate; SIGHUP is then not passed on",
			onOff(&o.reopen)},
		{"copies-go-on", "", copying, "when nobody reads the output any more, let the command run on, so that the files get the rest",
			onOff(&o.copiesGoOn)},

		{"wait", "DURATION", running, "after the command has ended, wait at most this long (2s, 0) for what its children still write; by default until they have closed the output",
			duration(&o.wait)},
		{"kill-group", "", running, "when the command has ended, end the processes that it has started, in whatever process group: by SIGTERM when the time of -wait is over (at once without -wait), and by SIGKILL 2s later; pass SIGINT, SIGTERM, SIGHUP and SIGQUIT on to them as well",
			onOff(&o.killGroup)},
		{"socket", "", running, "use datagram sockets instead of pipes",
			onOff(&o.socket)},
		{"blocking", "WHEN", running, "prevent the command from making its output nonblocking, which loses output: always, never, or auto (the default), which is where that costs no rights (as root, with CAP_SYS_ADMIN or no_new_privs) and for node, npm, yarn, pnpm and bun; always sets no_new_privs, so sudo gains no rights in the command",
			oneOf(&o.blocking, blockingAuto, blockingAlways, blockingNever)},
		{"tty", "WHAT", running, "show the command a terminal: it writes lines at once, in colour, as wide as this terminal (80 columns if there is none); set PAGER, GIT_PAGER and MANPAGER to cat if nobody can press keys, unless it is -tty=pager",
			oneOf(&o.tty, ttyOn, ttyOff, ttyPager).orNone(ttyOn)},

		{"h", "", about, "print this page",
			onOff(&o.help)},
		{"version", "", about, "print the version",
			onOff(&o.version)},
		{"generate", "WHAT", about, "print the manual page (man), or the completions for a shell (bash, zsh, fish)",
			oneOf(&o.generate, "man", "bash", "zsh", "fish")},
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
			return fmt.Errorf("must be %s or %s", strings.Join(words[:last], ", "), words[last])
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
func file(store func(name string)) setting {
	return setting{files: true, parse: func(name string) error {
		if name == "" {
			return errors.New("no file name")
		}
		store(name)
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
