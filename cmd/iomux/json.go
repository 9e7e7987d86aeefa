//go:build linux || (unix && experimental_unix)

package main

import (
	"encoding/base64"
	"encoding/binary"
	"math/bits"
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

// asciiJSON maps each ASCII character to its form in a JSON string; "" means that it
// stays as it is. It is a literal so that nothing is computed at startup.
var asciiJSON = [utf8.RuneSelf]string{
	`\u0000`, `\u0001`, `\u0002`, `\u0003`, `\u0004`, `\u0005`, `\u0006`, `\u0007`,
	`\b`, `\t`, `\n`, `\u000b`, `\f`, `\r`, `\u000e`, `\u000f`,
	`\u0010`, `\u0011`, `\u0012`, `\u0013`, `\u0014`, `\u0015`, `\u0016`, `\u0017`,
	`\u0018`, `\u0019`, `\u001a`, `\u001b`, `\u001c`, `\u001d`, `\u001e`, `\u001f`,
	'"': `\"`, '\\': `\\`,
}

// appendJSON appends text as a JSON string. It escapes what encoding/json does,
// U+2028 and U+2029 among it, where JavaScript ends a line. What is
// not UTF-8 becomes U+FFFD.
func appendJSON(b, text []byte) []byte {
	b = append(b, '"')
	for len(text) > 0 {
		n := plainLen(text)
		b = append(b, text[:n]...)
		text = text[n:]
		for len(text) > 0 && text[0] < utf8.RuneSelf && asciiJSON[text[0]] != "" {
			if e := asciiJSON[text[0]]; len(e) == 6 {
				b = append(b, e[0], e[1], e[2], e[3], e[4], e[5]) // three times as fast as e...
			} else {
				b = append(b, e...)
			}
			text = text[1:]
		}
		if len(text) > 0 && text[0] >= utf8.RuneSelf {
			char, n := utf8.DecodeRune(text)
			b = appendRune(b, char, text[:n])
			text = text[n:]
		}
	}
	return append(b, '"')
}

// plainLen returns how many bytes at the beginning of text a JSON string has as
// they are, up to the first that is not ASCII.
func plainLen(text []byte) int {
	i := 0
	for ; i+8 <= len(text); i += 8 {
		if found := escaped8(binary.LittleEndian.Uint64(text[i:])); found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c >= utf8.RuneSelf || asciiJSON[c] != "" {
			break
		}
	}
	return i
}

// escaped8 looks at eight bytes at once. It returns 0 if a JSON string has all of
// them as they are; else the first that it has not is the lowest whose highest bit is
// set. Those above it say nothing: a subtraction borrows from them.
func escaped8(w uint64) uint64 {
	const ones, highest = 0x0101010101010101, 0x8080808080808080
	controls := w - ones*' '
	quotes := (w ^ ones*'"') - ones
	slashes := (w ^ ones*'\\') - ones
	return (w | controls | quotes | slashes) & highest
}

func appendRune(b []byte, char rune, text []byte) []byte {
	switch {
	case char == utf8.RuneError && len(text) == 1:
		return append(b, `\ufffd`...)
	case char == '\u2028':
		return append(b, `\u2028`...)
	case char == '\u2029':
		return append(b, `\u2029`...)
	}
	return append(b, text...)
}
