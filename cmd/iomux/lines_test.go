//go:build linux || (unix && experimental_unix)

package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// A lineTape shows what it got: O or E, + for a rest, the text, and … where the
// end has not come.
type lineTape struct {
	strings.Builder
	longest int
}

func (t *lineTape) line(l line) {
	t.longest = max(t.longest, len(l.text))
	rest, end := "", ";"
	if l.rest {
		rest = "+"
	}
	if l.open {
		end = "…"
	}
	fmt.Fprintf(t, "%c%s%s%s", "OE"[l.stream], rest, l.text, end)
}

func (t *lineTape) started(time.Time, int)         {}
func (t *lineTape) finished(time.Time, result)     {}
func (t *lineTape) refused(time.Time, string, int) {}

// The steps are O or E and a piece, or "idle", or "short" for less than that.
func TestLines(t *testing.T) {
	for _, c := range []struct {
		name  string
		l     lines
		steps string
		want  string
	}{
		{"lines", lines{}, "Oa\nb\n|Ec|Od\n|Ee\n", "Oa;Ob;Od;Ece;"},
		{"end", lines{}, "Ea|Ob", "Ob…Ea…"},
		{"prompt", lines{idle: time.Hour}, "Oname? |idle|Oyou|short|O\n|Ox\n", "Oname? …O+you;Ox;"},
		{"only the end", lines{idle: time.Hour}, "Oname? |idle|O\n|O\n", "Oname? …O+;O;"},
		{"nothing twice", lines{idle: time.Hour}, "Oa|idle|idle|Ob|idle|Oc\n", "Oa…O+b…O+c;"},
		{"one of two", lines{idle: time.Hour}, "Oa|idle|Ex|Eb\n|O.\n", "Oa…Exb;O+.;"},
		{"never idle", lines{}, "Oa|idle|Ob\n", "Oab;"},
		{"long", lines{max: 4}, "Oabcd\n|Oabcde\n|Oab|Ocdefghi|Oj\n", "Oabcd;Oabcd…O+e;Oabcd…O+efgh…O+ij;"},
		{"character", lines{max: 4}, "Oabcé\n", "Oabc…O+é;"},
		{"no character", lines{max: 2}, "O\xa9\xa9\xa9\n", "O\xa9\xa9…O+\xa9;"},
		{"one byte", lines{max: 1}, "Oé\n", "O\xc3…O+\xa9;"},
		{"cr", lines{cr: true}, "Oa\rb\r\nc\r|O\nd\r\r|O\n\r\n", "Oa;Ob;Oc;Od;O;O;"},
		{"cr idle", lines{cr: true, idle: time.Hour}, "O\r45 %|idle|O\r46 %\r", "O45 %…O+;O46 %;"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got lineTape
			c.l.to = &got
			if c.l.max == 0 {
				c.l.max = 100
			}
			for _, s := range strings.Split(c.steps, "|") {
				switch {
				case s == "idle":
					for i := range c.l.of {
						c.l.of[i].since = time.Now().Add(-c.l.idle)
					}
					c.l.pause()
				case s == "short":
					c.l.pause()
				case s[0] == 'O':
					c.l.print(out(s[1:]))
				default:
					c.l.print(errs(s[1:]))
				}
			}
			c.l.finished(noon, result{})
			if got.String() != c.want {
				t.Errorf("got %q, want %q", got.String(), c.want)
			}
		})
	}
}

// FuzzLines cuts a text into pieces and wants every byte, and no part longer than
// allowed.
func FuzzLines(f *testing.F) {
	f.Add("a\nbc\xc3\xa9\n\nd", uint8(2), uint8(3), true)
	f.Fuzz(func(t *testing.T, text string, size, limit uint8, idle bool) {
		var got lineTape
		text = strings.NewReplacer(";", "", "…", "", "+", "", "O", "").Replace(text)
		l := lines{to: &got, max: int(limit%20) + 1, idle: time.Nanosecond}
		for rest := text; rest != ""; {
			n := min(int(size%7)+1, len(rest))
			l.print(out(rest[:n]))
			if rest = rest[n:]; idle {
				l.pause()
			}
		}
		l.finished(noon, result{})
		back := regexp.MustCompile(`O\+?`).ReplaceAllString(got.String(), "")
		back = strings.NewReplacer(";", "\n", "…", "").Replace(back)
		if utf8.ValidString(text) && back != text || got.longest > l.max {
			t.Errorf("got %q of %q, longest %d", got.String(), text, got.longest)
		}
	})
}

func TestPlainText(t *testing.T) {
	const e = "\x1b"
	for _, c := range []struct{ name, text, want string }{
		{"color", e + "[1;31mred" + e + "[0m\n", "red;"},
		{"title", e + "]0;title\x07text" + e + "]8;;http://x" + e + "\\link\n", "textlink;"},
		{"strings", "a" + e + "Pq#0" + e + "\\b" + e + "_x" + e + "\\c\n", "abc;"},
		{"one byte controls", "a\u009b31mb\u009dx\u009cc\u0085\n", "abc;"},
		{"not controls", "a\xc2\xa0\xe9\x9b\n", "a\xc2\xa0\xe9\x9b;"},
		{"character set", e + "(Ba" + e + "=b" + e + "N!c\n", "abc;"},
		{"dropped", "a\x00\a\x7f\v\tb\n", "a\tb;"},
		{"progress", " 9 %\r 10 %\r100 %\n", "100 %;"},
		{"shorter", "abcdef\rxy\n", "xycdef;"},
		{"erased", "abcdef\r" + e + "[Kxy\n", "xy;"},
		{"erased all", "abc" + e + "[2K\rxy\n", "xy ;"},
		{"erased before", "abc\b" + e + "[1K\n", "  c;"},
		{"backspace", "abc\b\bX\n", "aXc;"},
		{"spinner", "|\b/\b-\bdone\n", "done;"},
		{"left and right", "abcdef" + e + "[4DX" + e + "[1CY\n", "abXdYf;"},
		{"right over", "a" + e + "[3Cb\n", "a   b;"},
		{"column", "abc" + e + "[2GX" + e + "[6GY\n", "aXc  Y;"},
		{"far right", e + "[999999999Cx\n", strings.Repeat(" ", 500) + "x;"},
		{"wide", "日本\rab\n", "ab本;"},
		{"half of one", "日本\ra\n", "a 本;"},
		{"accent", "e\u0301x\ry\n", "yx;"},
		{"over by longer", "abc\ré\n", "ébc;"},
		{"crlf", "abc\r\nd\r\r\n", "abc;d;"},
		{"other row", "abc" + e + "[Adef\n", "abc;def;"},
		{"unfinished", "abc" + e + "[31\ndef" + e + "]0;no end\nghi\n", "abc;def;ghi;"},
		{"escape in one", "a" + e + "[3" + e + "[1mb\n", "ab;"},
		{"long", strings.Repeat("x", 5000) + "\ry\n", strings.Repeat("x", 5000) + ";y;"},
		{"no end", "abc\rx", "xbc…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, size := range []int{len(c.text), 1, 2, 3} {
				if size < len(c.text) && c.name == "one byte controls" {
					continue // which are only known together
				}
				got := rendered(c.text, size, lines{max: 10_000})
				if got != c.want {
					t.Errorf("in pieces of %d: got %q, want %q", size, got, c.want)
				}
			}
		})
	}
}

// rendered is what is left of a text in pieces of that size.
func rendered(text string, size int, l lines) string {
	var got lineTape
	l.to, l.clean = &got, true
	for text != "" {
		n := min(size, len(text))
		l.print(out(text[:n]))
		text = text[n:]
	}
	l.finished(noon, result{})
	return regexp.MustCompile(`O\+?`).ReplaceAllString(got.String(), "")
}

// What was shown of a line is not shown again when it is written over.
func TestPlainTextShown(t *testing.T) {
	var got lineTape
	l := lines{to: &got, max: 100, clean: true, idle: time.Nanosecond}
	for _, text := range []string{" 45 %", "\r 46 %", "\rdone\n"} {
		l.print(out(text))
		l.pause()
	}
	if want := "O 45 %…O+;O 46 %…O+;Odone;"; got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
}

// FuzzPlainText wants no control character to come through, whatever comes, and
// the same from any pieces.
func FuzzPlainText(f *testing.F) {
	f.Add("a\x1b[31mb\rc\b\x1b[2K\n\x1b]0;x\ay\n日\r1", uint8(1))
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		text = strings.ReplaceAll(text, "\xc2", "")
		whole := rendered(text, len(text), lines{max: 100_000})
		if regexp.MustCompile("[\x00-\x08\x0a-\x1f\x7f]").MatchString(whole) {
			t.Errorf("%q of %q", whole, text)
		}
		if got := rendered(text, int(size%5)+1, lines{max: 100_000}); got != whole {
			t.Errorf("%q in pieces gives %q, not %q", text, got, whole)
		}
	})
}

// Of lines that others may write among, each is in one write, and those that fit
// into a pipe at once are not cut.
func TestGathered(t *testing.T) {
	var g gathered
	want := ""
	for i := range 200 {
		l := strings.Repeat("x", i*37%5000) + "\n"
		g.add([]byte(l), pipeUnit)
		want += l
	}
	all := ""
	for _, p := range g.parts() {
		all += string(p)
		if !strings.HasSuffix(string(p), "\n") || len(p) > pipeUnit && strings.Count(string(p), "\n") > 1 {
			t.Errorf("a part of %d bytes", len(p))
		}
	}
	if all != want {
		t.Errorf("%d bytes, want %d", len(all), len(want))
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int{"1": 1, "4096": 4096, "64K": 64 << 10, "1k": 1 << 10, "2MiB": 2 << 20, "3MB": 3 << 20, "1G": 1 << 30,
		"": 0, "K": 0, "0": 0, "-1": 0, "1T": 0, "1KK": 0, "1.5M": 0, "1iB": 0, "9223372036854775807K": 0} {
		if got, err := parseSize(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q is %d, %v", text, got, err)
		}
	}
}
