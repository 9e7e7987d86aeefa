//go:build linux || (unix && experimental_unix)

package main

import (
	"bytes"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/seed-5082a588/iomux"
)

// The lines of -plain are as a terminal would show them when their end comes,
// without colours: control sequences are taken out, and what is written over the
// beginning of a line after a carriage return takes its place. That needs a
// cursor in one line and nothing else of a terminal, which is less than the
// libraries for it bring along; those that only take sequences out leave all
// that a progress bar ever showed in one line.

// A state is where in a control sequence a text is (ECMA-48; the names are those
// of xterm's documentation of control sequences).
type state byte

const (
	ground      state = iota
	inEscape          // after ESC
	inCharset         // after ESC and an intermediate byte: one more ends it
	inShift           // after SS2 or SS3: one character of another set follows
	inCSI             // after ESC [
	inString          // of OSC, DCS, SOS, PM or APC
	inStringEnd       // after ESC in a string
)

const (
	// maxRow is how long a line can be whose beginning is written over: a
	// terminal would have gone on in the row below long before.
	maxRow = 4096

	// maxColumn is how far a cursor goes beyond the text.
	maxColumn = 500
)

// A row is what a terminal knows of the line that it is in, but for the text.
type row struct {
	state  state
	back   int    // bytes of the text behind the cursor
	held   []byte // an unfinished character that is written over others
	params []byte // of a control sequence
}

// render puts d on the terminal, so to speak.
func (s *lines) render(u *unfinished, d iomux.TaggedData) {
	for p := d.Data; len(p) > 0; {
		if u.cr && p[0] != '\n' && p[0] != '\r' {
			u.cr = false
			s.carriageReturn(u, d)
		}
		if u.row.state != ground {
			p = p[s.sequence(u, d, p):]
		} else if n := textLen(p); n > 0 {
			s.put(u, d, p[:n])
			p = p[n:]
		} else {
			u.text = u.row.release(u.text)
			p = p[s.control(u, d, p):]
		}
	}
}

// textLen returns how many bytes of p come before a control character.
func textLen(p []byte) int {
	for i := 0; i < len(p); i++ {
		if !mayControl[p[i]] {
			continue
		}
		if p[i] != 0xc2 || i+1 < len(p) && p[i+1] >= 0x80 && p[i+1] < 0xa0 {
			return i
		}
	}
	return len(p)
}

// mayControl are the bytes with which a control character begins: one of ASCII,
// but the tab, or one from U+0080 to U+009F.
var mayControl = [256]bool{
	0x00: true, true, true, true, true, true, true, true, true,
	0x0a: true, true, true, true, true, true,
	0x10: true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true,
	0x7f: true, 0xc2: true,
}

// control does what the control character at the beginning of p asks for, if
// that matters. It returns its length.
func (s *lines) control(u *unfinished, d iomux.TaggedData, p []byte) int {
	switch p[0] {
	case '\n':
		swallow := u.cr && s.cr
		u.cr = false
		if !swallow {
			s.newline(u, d)
		}
	case '\r':
		u.cr = true
		if s.cr {
			s.newline(u, d)
		}
	case '\b':
		u.row.left(u.text, 1)
	case escape:
		u.row.state = inEscape
	case 0xc2: // the control characters from U+0080 are those after ESC, plus 0x40
		u.row.escaped(p[1] - 0x40)
		return 2
	}
	return 1
}

// newline ends the line.
func (s *lines) newline(u *unfinished, d iomux.TaggedData) {
	u.row.back = 0
	s.finish(u, d, nil)
}

// carriageReturn starts the line over. What has been passed on stays, and so
// does what no terminal has in one row.
func (s *lines) carriageReturn(u *unfinished, d iomux.TaggedData) {
	switch {
	case s.cr: // it has ended the line already
	case u.rest:
		s.newline(u, d)
	default:
		s.roomy(u, d)
		u.row.back = len(u.text)
	}
}

// roomy ends a line that is longer than a row.
func (s *lines) roomy(u *unfinished, d iomux.TaggedData) {
	if len(u.text) > maxRow {
		s.newline(u, d)
	}
}

// put writes p at the cursor.
func (s *lines) put(u *unfinished, d iomux.TaggedData, p []byte) {
	if u.row.back > 0 {
		u.text, p = u.row.overwrite(u.text, p)
	}
	if len(p) > 0 {
		s.keep(u, d, p)
	}
}

// overwrite writes p over what is behind the cursor. It returns what p has more.
func (r *row) overwrite(text, p []byte) (_, more []byte) {
	if len(r.held) > 0 {
		p = append(r.held, p...)
		r.held = nil
	}
	for r.back > 0 && len(p) > 0 {
		if !utf8.FullRune(p) {
			r.held = bytes.Clone(p)
			return text, nil
		}
		char, n := utf8.DecodeRune(p)
		text = r.replace(text, p[:n], width(char))
		p = p[n:]
	}
	return text, p
}

// replace writes one character over as many columns as it takes.
func (r *row) replace(text, char []byte, columns int) []byte {
	at := len(text) - r.back
	n, over := columnBytes(text[at:], columns)
	if over > columns {
		char = append(bytes.Clone(char), ' ') // half of a wide one is left
	}
	r.back -= n
	text = slices.Replace(text, at, at+n, char...)
	if over > columns {
		r.back++
	}
	return text
}

// release writes what is held without waiting for the rest of it.
func (r *row) release(text []byte) []byte {
	for _, b := range r.held {
		text = r.replace(text, []byte{b}, 1)
	}
	r.held = nil
	return text
}

// columnBytes returns how many bytes at the beginning of text take that many
// columns, or all of them, and how many columns they do take.
func columnBytes(text []byte, columns int) (n, over int) {
	for n < len(text) {
		char, size := utf8.DecodeRune(text[n:])
		w := width(char)
		if over >= columns && w > 0 {
			break
		}
		n += size
		over += w
	}
	return n, over
}

// left moves the cursor, over that many columns or to the beginning.
func (r *row) left(text []byte, columns int) {
	for columns > 0 && r.back < min(len(text), maxRow) {
		char, n := utf8.DecodeLastRune(text[:len(text)-r.back])
		r.back += n
		columns -= width(char)
	}
}

// right moves the cursor, and fills what it passes beyond the text.
func (r *row) right(text []byte, columns int) []byte {
	n, passed := columnBytes(text[len(text)-r.back:], columns)
	r.back -= n
	for passed < min(columns, maxColumn) {
		text = append(text, ' ')
		passed++
	}
	return text
}

// width returns how many columns a character takes.
func width(char rune) int {
	switch {
	case char < 0x300:
		return 1
	case unicode.In(char, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.Is(wide, char):
		return 2
	}
	return 1
}

// wide are the blocks of Unicode whose characters take two columns: those of
// East Asia, and pictures.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1}, {Lo: 0x2e80, Hi: 0x303e, Stride: 1}, {Lo: 0x3041, Hi: 0xa4cf, Stride: 1},
		{Lo: 0xac00, Hi: 0xd7a3, Stride: 1}, {Lo: 0xf900, Hi: 0xfaff, Stride: 1}, {Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff01, Hi: 0xff60, Stride: 1}, {Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1}, {Lo: 0x1f680, Hi: 0x1f6ff, Stride: 1}, {Lo: 0x1f900, Hi: 0x1faff, Stride: 1},
		{Lo: 0x20000, Hi: 0x3fffd, Stride: 1},
	},
}

// sequence takes the next byte of a control sequence, and returns how many it has
// taken: none if it does not belong to it.
func (s *lines) sequence(u *unfinished, d iomux.TaggedData, p []byte) int {
	r, b := &u.row, p[0]
	if r.broken(b) {
		r.state = ground
		return 0
	}
	switch r.state {
	case inEscape, inStringEnd:
		r.escaped(b)
	case inCSI:
		s.csi(u, d, b)
	case inString:
		if len(p) > 1 && b == 0xc2 && p[1] == 0x9c { // ST is one character there
			r.state = ground
			return 2
		}
		r.inString(b)
	case inCharset:
		if b > '/' {
			r.state = ground
		}
	case inShift:
		r.state = ground
	}
	return 1
}

// broken reports whether b cannot be a part of the sequence. So what follows an
// unfinished one is not hidden, at least from the next line on.
func (r *row) broken(b byte) bool {
	if r.state == inString {
		return b == '\n'
	}
	return b < ' ' && b != escape || b >= 0x7f
}

// escaped takes the byte after ESC.
func (r *row) escaped(b byte) {
	switch {
	case b == '[':
		r.state, r.params = inCSI, r.params[:0]
	case bytes.IndexByte([]byte("]PX^_"), b) >= 0:
		r.state = inString
	case b == 'N' || b == 'O':
		r.state = inShift
	case b >= ' ' && b <= '/':
		r.state = inCharset
	case b == escape:
		r.state = inEscape
	default:
		r.state = ground
	}
}

// inString takes a byte of a string, which a bell ends as well as ESC \.
func (r *row) inString(b byte) {
	const bell, cancel, substitute = 0x07, 0x18, 0x1a
	switch b {
	case bell, cancel, substitute:
		r.state = ground
	case escape:
		r.state = inStringEnd
	}
}

// csi takes a byte after ESC [, of which those from @ to ~ are the last.
func (s *lines) csi(u *unfinished, d iomux.TaggedData, b byte) {
	const maxParams = 32
	switch {
	case b == escape:
		u.row.state = inEscape
	case b < '@':
		if len(u.row.params) < maxParams {
			u.row.params = append(u.row.params, b)
		}
	default:
		u.row.state = ground
		s.move(u, d, b)
	}
}

// move does what a control sequence asks for if it changes the line. One that
// leads to another row ends it.
func (s *lines) move(u *unfinished, d iomux.TaggedData, final byte) {
	n := max(u.row.param(), 1)
	switch r := &u.row; final {
	case 'C':
		u.text = r.right(u.text, n)
	case 'D':
		r.left(u.text, n)
	case 'G', '`':
		if !u.rest { // else the columns are not known
			s.roomy(u, d)
			r.back = len(u.text)
			u.text = r.right(u.text, n-1)
		}
	case 'K', 'J':
		s.erase(u, d)
	case 'A', 'B', 'E', 'F', 'H', 'f', 'd':
		if len(u.text) > 0 {
			s.newline(u, d)
		}
	}
}

// param returns the first number of a control sequence, or 0.
func (r *row) param() int {
	first, _, _ := bytes.Cut(r.params, []byte(";"))
	n, err := strconv.Atoi(string(first))
	if err != nil {
		return 0
	}
	return n
}

// erase clears the line: what is behind the cursor, before it, or all of it.
func (s *lines) erase(u *unfinished, d iomux.TaggedData) {
	what := u.row.param()
	if what > 0 {
		s.roomy(u, d)
	}
	at := len(u.text) - u.row.back
	var behind []byte
	switch what {
	case 0:
		u.text, u.row.back = u.text[:at], 0
		return
	case 1:
		behind = bytes.Clone(u.text[at:])
	case 2:
	default:
		return
	}
	_, columns := columnBytes(u.text[:at], maxRow)
	u.text = append(u.text[:0], bytes.Repeat([]byte(" "), columns)...)
	u.text = append(u.text, behind...)
	u.row.back = len(behind)
}
