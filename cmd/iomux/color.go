//go:build linux || (unix && experimental_unix)

package main

import (
	"bytes"
	"os"
	"time"
	"unicode/utf8"

	"github.com/seed-5082a588/iomux"
)

const (
	escape   = '\x1b'
	redOn    = "\x1b[31m"
	redOff   = "\x1b[0m"
	colorEnv = "NO_COLOR" // no-color.org: any text but the empty one counts
)

// wantColor reports whether what goes to f is to be coloured.
func wantColor(when string, f *os.File) bool {
	switch when {
	case "always":
		return true
	case "never":
		return false
	}
	return os.Getenv(colorEnv) == "" && os.Getenv("TERM") != "dumb" && isTerminal(f)
}

// colored is plain with the standard error in red. It is left red only as long
// as there is something to be written, or when the text ends inside a character
// or an escape sequence: a code there would destroy it.
type colored struct {
	out    sink
	shared bool // both streams lead to the same place
	red    bool
	end    ending // of what is red
}

func (c *colored) started(time.Time, int) {}

func (c *colored) print(d iomux.TaggedData) {
	to := streamOf(d)
	if to == toStdout && c.shared {
		c.reset()
	}
	if to == toStderr {
		if !c.red {
			c.out.write(toStderr, []byte(redOn))
			c.red = true
		}
		c.end.add(d.Data)
	}
	c.out.write(to, d.Data)
}

func (c *colored) pause() {
	if !c.end.inside() {
		c.reset()
	}
}

func (c *colored) finished(time.Time, result) { c.reset() }

func (c *colored) refused(time.Time, string, int) {}

func (c *colored) reset() {
	if c.red {
		c.out.write(toStderr, []byte(redOff))
		c.red = false
	}
}

// An ending is the last bytes of a text, as many as it takes to see whether it
// ends inside a character or an escape sequence.
type ending struct {
	last [32]byte
	n    int
}

func (e *ending) add(p []byte) {
	if len(p) >= len(e.last) {
		e.n = copy(e.last[:], p[len(p)-len(e.last):])
		return
	}
	if over := e.n + len(p) - len(e.last); over > 0 {
		e.n = copy(e.last[:], e.last[over:e.n])
	}
	e.n += copy(e.last[e.n:], p)
}

func (e *ending) inside() bool {
	text := e.last[:e.n]
	return insideRune(text) || insideEscape(text)
}

// insideRune reports whether text ends with the beginning of a character.
func insideRune(text []byte) bool {
	for i := len(text) - 1; i >= max(0, len(text)-utf8.UTFMax); i-- {
		if utf8.RuneStart(text[i]) {
			return !utf8.FullRune(text[i:])
		}
	}
	return false
}

// insideEscape reports whether text ends with the beginning of a control sequence:
// ESC [, parameters up to '?', then a letter that ends it (ECMA-48, 5.4).
func insideEscape(text []byte) bool {
	i := bytes.LastIndexByte(text, escape)
	if i < 0 {
		return false
	}
	text = text[i+1:]
	if len(text) == 0 {
		return true
	}
	if text[0] != '[' {
		return false
	}
	for _, b := range text[1:] {
		if b < ' ' || b > '?' {
			return false
		}
	}
	return true
}
