//go:build linux || (unix && experimental_unix)

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux"
)

// A tape is a sink that shows what it got: text of standard error in braces.
type tape struct{ strings.Builder }

func (t *tape) write(to stream, p []byte) {
	if to == toStderr {
		t.WriteString("{" + string(p) + "}")
	} else {
		t.Write(p)
	}
}

func (t *tape) flush() {}

var noon = time.Date(2024, 2, 29, 12, 0, 0, 123456789, time.UTC)

func out(text string) iomux.TaggedData {
	return iomux.TaggedData{Tag: iomux.Stdout, Data: []byte(text), Time: noon, PID: 7}
}

func errs(text string) iomux.TaggedData {
	return iomux.TaggedData{Tag: iomux.Stderr, Data: []byte(text), Time: noon.Add(time.Second), PID: 8}
}

func TestPlain(t *testing.T) {
	var got tape
	p := &plain{&got}
	p.print(out("a\n"))
	p.print(errs("b"))
	p.pause()
	p.print(out("c"))
	p.finished(noon, result{})
	if want := "a\n{b}c"; got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
}

// The steps are O or E and the text of a piece, or "pause".
func TestColored(t *testing.T) {
	for _, c := range []struct {
		name   string
		shared bool
		steps  []string
		want   string
	}{
		{"one", true, []string{"Eb", "pause", "Oa", "pause"}, "<b>a"},
		{"run", true, []string{"Eb", "Ec", "Oa", "Ed", "pause"}, "<bc>a<d>"},
		{"character", true, []string{"E\xc3", "pause", "E\xa9", "pause"}, "<\xc3\xa9>"},
		{"four bytes", true, []string{"E\xf0", "pause", "E\x9f", "pause", "E\x98", "pause", "E\x80", "pause"}, "<\xf0\x9f\x98\x80>"},
		{"no character", true, []string{"E\xc3", "pause", "Ea", "pause"}, "<\xc3a>"},
		{"continuation only", true, []string{"E\xa9", "pause", "Ea", "pause"}, "<\xa9><a>"},
		{"sequence", true, []string{"E\x1b", "pause", "E[1;", "pause", "E31m", "pause"}, "<\x1b[1;31m>"},
		{"whole sequence", true, []string{"E\x1b[1m", "pause", "Ea", "pause"}, "<\x1b[1m><a>"},
		{"old escape", true, []string{"E\x1b[", "pause", "E" + strings.Repeat(" ", 40), "pause"}, "<\x1b[" + strings.Repeat(" ", 40) + ">"},
		{"two places", false, []string{"E\xc3", "Oa", "pause", "E\xa9", "pause"}, "<\xc3a\xa9>"},
		{"end", true, []string{"E\xc3", "pause"}, "<\xc3>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got tape
			p := &colored{out: &got, shared: c.shared}
			for _, s := range c.steps {
				switch s[0] {
				case 'O':
					p.print(out(s[1:]))
				case 'E':
					p.print(errs(s[1:]))
				default:
					p.pause()
				}
			}
			p.finished(noon, result{})
			text := strings.NewReplacer("{"+redOn+"}", "<", "{"+redOff+"}", ">", "{", "", "}", "").Replace(got.String())
			if text != c.want {
				t.Errorf("got %q, want %q", text, c.want)
			}
		})
	}
}

func TestAnnotated(t *testing.T) {
	for _, c := range []struct {
		name  string
		text  text
		stamp stamp
		first string
		err   string
	}{
		{"plain", text{}, layoutStamp(time.TimeOnly), "12:00:00 ", "12:00:01 E: b"},
		{"pid", text{pid: true}, layoutStamp(time.TimeOnly), "12:00:00 5 ", "12:00:01 8 E: b"},
		{"color", text{color: true}, layoutStamp(time.TimeOnly), "12:00:00 ", redOn + "12:00:01 E: b" + redOff},
		{"elapsed", text{}, elapsedStamp, "0.000000 ", "1.000000 E: b"},
		{"unix", text{}, unixStamp, "1709208000.123456 ", "1709208001.123456 E: b"},
		{"name", text{name: nameHead("web", false)}, layoutStamp(time.TimeOnly), "web | 12:00:00 ", "web | 12:00:01 E: b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got tape
			c.text.out, c.text.command = &got, []string{"make", "-j2"}
			c.text.annotate, c.text.shared, c.text.time = true, true, newStamper(c.stamp)
			p := &lines{to: &c.text, max: 100}
			p.started(noon, 5)
			p.print(errs("b\n"))
			p.print(out("no newline"))
			p.finished(noon, result{code: 2})
			lines := strings.Split(got.String(), "\n")
			if len(lines) != 5 || lines[0] != c.first+"I: Started make -j2" || lines[1] != c.err ||
				!strings.HasSuffix(lines[2], "O: no newline") || lines[3] != c.first+"I: Finished with exitcode 2" {
				t.Errorf("got %q", lines)
			}
		})
	}
}

func TestElapsedStampBeforeStart(t *testing.T) {
	if got := string(elapsedStamp(nil, noon, noon.Add(time.Hour))); got != "0.000000" {
		t.Error(got)
	}
}

func TestJSONLines(t *testing.T) {
	var got tape
	j := &lines{to: newJSONLines(&got, ""), max: 100}
	for _, d := range []iomux.TaggedData{out("<a>\n"), errs("\xff\n"), out("\n"), {Tag: iomux.Stdout, Data: []byte("é"), Time: noon}} {
		j.print(d)
	}
	j.finished(noon, result{code: 143, signal: 15})
	want := `{"time":"2024-02-29T12:00:00.123456789Z","stream":"stdout","pid":7,"text":"<a>"}
{"time":"2024-02-29T12:00:01.123456789Z","stream":"stderr","pid":8,"base64":"/w=="}
{"time":"2024-02-29T12:00:00.123456789Z","stream":"stdout","pid":7,"text":""}
{"time":"2024-02-29T12:00:00.123456789Z","stream":"stdout","text":"é","partial":true}
{"time":"2024-02-29T12:00:00.123456789Z","event":"exit","code":143,"signal":"SIGTERM"}
`
	if got.String() != want {
		t.Errorf("got %s\nwant %s", got.String(), want)
	}
}

func TestEnding(t *testing.T) {
	text := bytes.Repeat([]byte("ab\xc3\xa9\x1b[1m"), 20)
	for size := 1; size < 50; size++ {
		var e ending
		for i := 0; i < len(text); i += size {
			p := text[:min(i+size, len(text))]
			e.add(p[i:])
			want := insideRune(p) || insideEscape(p)
			if e.inside() != want {
				t.Fatalf("after %d bytes in pieces of %d: inside is %v", len(p), size, !want)
			}
		}
	}
}
