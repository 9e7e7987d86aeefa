//go:build linux || (unix && experimental_unix)

package main

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// jsonLines prints every line as an object, and the end of the command as one.
// The objects are put together here: encoding/json takes five times as long for
// them, and a library that does not would be a requirement of everyone who
// requires this module.
type jsonLines struct {
	out   sink
	name  []byte // the member for it, with its comma
	clock clock
	buf   []byte
}

func newJSONLines(out sink, name string) *jsonLines {
	j := &jsonLines{out: out}
	if name != "" {
		j.name = append(appendJSON([]byte(`"name":`), []byte(name)), ',')
	}
	return j
}

func (j *jsonLines) started(time.Time, int) {}

func (j *jsonLines) line(l line) {
	b := j.begin(l.time)
	b = append(b, `"stream":"`...)
	b = append(b, streamNames[l.stream]...)
	b = append(b, '"')
	if l.pid != 0 {
		b = strconv.AppendInt(append(b, `,"pid":`...), int64(l.pid), 10)
	}
	if utf8.Valid(l.text) {
		b = appendJSON(append(b, `,"text":`...), l.text)
	} else {
		b = base64.StdEncoding.AppendEncode(append(b, `,"base64":"`...), l.text)
		b = append(b, '"')
	}
	if l.open || l.rest {
		b = append(b, `,"partial":true`...)
	}
	if l.rest && !l.open {
		b = append(b, `,"last":true`...)
	}
	j.print(b)
}

// refused reports a command that could not be started.
func (j *jsonLines) refused(at time.Time, message string, code int) {
	j.exit(at, result{code: code}, message)
}

func (j *jsonLines) finished(at time.Time, r result) { j.exit(at, r, "") }

func (j *jsonLines) exit(at time.Time, r result, problem string) {
	b := append(j.begin(at), `"event":"exit","code":`...)
	b = strconv.AppendInt(b, int64(r.code), 10)
	if r.signal != 0 {
		b = appendJSON(append(b, `,"signal":`...), []byte(signalName(r.signal)))
	}
	if problem != "" {
		b = appendJSON(append(b, `,"error":`...), []byte(problem))
	}
	j.print(b)
}

func (j *jsonLines) begin(at time.Time) []byte {
	b := j.clock.append(append(j.buf[:0], `{"time":"`...), at)
	return append(append(b, `",`...), j.name...)
}

func (j *jsonLines) print(b []byte) {
	j.buf = append(b, "}\n"...)
	j.out.write(toStdout, j.buf)
}

// signalName is the name of a signal; the real-time ones have none.
func signalName(s unix.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return s.String()
}

// plainJSON are the ASCII characters that a JSON string has as they are.
var plainJSON = func() (t [utf8.RuneSelf]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// appendJSON appends text as a JSON string. It escapes what encoding/json does,
// which has U+2028 and U+2029 among it, for JavaScript ends a line there. What is
// not UTF-8 becomes U+FFFD.
func appendJSON(b, text []byte) []byte {
	b = append(b, '"')
	begin := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf && plainJSON[c] {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var char rune
			char, size = utf8.DecodeRune(text[i:])
			if char != '\u2028' && char != '\u2029' && (char != utf8.RuneError || size > 1) {
				i += size
				continue
			}
		}
		b = append(b, text[begin:i]...)
		b = appendEscaped(b, text[i:i+size])
		i += size
		begin = i
	}
	b = append(b, text[begin:]...)
	return append(b, '"')
}

// appendEscaped appends one character.
func appendEscaped(b, char []byte) []byte {
	const hex = "0123456789abcdef"
	switch c := char[0]; {
	case c == '"' || c == '\\':
		return append(b, '\\', c)
	case c == '\b':
		return append(b, `\b`...)
	case c == '\f':
		return append(b, `\f`...)
	case c == '\n':
		return append(b, `\n`...)
	case c == '\r':
		return append(b, `\r`...)
	case c == '\t':
		return append(b, `\t`...)
	case c < ' ':
		return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	case len(char) == 3: // U+2028 or U+2029
		return append(b, `\u202`+hex[char[2]&15:][:1]...)
	}
	return append(b, `\ufffd`...)
}
