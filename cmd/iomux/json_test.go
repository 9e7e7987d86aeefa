//go:build linux || (unix && experimental_unix)

package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzJSON compares what is put together here with what encoding/json makes of
// the same text, and has it read again.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{"", "a<\"\\>&", "\x00\x01\b\f\n\r\t\x1f\x7f", "é\u2028\u2029\U0001f600", "\xff\xc3", "\ufffd", strings.Repeat("x", 100)} {
		f.Add([]byte(text), false)
	}
	f.Fuzz(func(t *testing.T, text []byte, open bool) {
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		enc.Encode(string(text))
		if got := appendJSON(nil, text); string(got)+"\n" != want.String() {
			t.Fatalf("%q is %s, want %s", text, got, want.String())
		}
		var got tape
		j := newJSONLines(&got, string(text))
		j.line(line{stream: toStderr, time: noon, pid: 3, text: text, rest: true, open: open})
		var o struct {
			Time    time.Time
			Name    string
			Stream  string
			PID     int
			Text    *string
			Base64  []byte
			Partial bool
			Last    bool
		}
		dec := json.NewDecoder(strings.NewReader(got.String()))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&o); err != nil {
			t.Fatalf("%s: %v", got.String(), err)
		}
		back := o.Base64
		if o.Text != nil {
			back = []byte(*o.Text)
		}
		if !bytes.Equal(back, text) || (o.Text == nil) == utf8.Valid(text) || !o.Time.Equal(noon) ||
			o.Name != strings.ToValidUTF8(string(text), "\ufffd") && utf8.Valid(text) || o.Stream != "stderr" || o.PID != 3 || !o.Partial || o.Last == open {
			t.Fatalf("%q gives %s", text, got.String())
		}
	})
}

// The times are those that the time package would format.
func TestClock(t *testing.T) {
	zone := time.FixedZone("", 5*3600+1800)
	var c clock
	for _, at := range []time.Time{noon, noon.Add(1), noon.Add(876543210), noon.Add(time.Second), noon.In(zone).Add(time.Hour), time.Unix(0, 0), time.Unix(1, 10).UTC()} {
		if got, want := string(c.append(nil, at)), at.Format(rfc3339Nano); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, layout := range []string{"15:04:05", "15:04:05.000", "2006-01-02T15:04:05.999Z07:00"} {
		s := newStamper(layoutStamp(layout))
		for _, d := range []time.Duration{0, 0, 1e6, 900e6, 2e9, 1e9} {
			at := noon.Add(d)
			if got, want := string(s.append(nil, at)), at.Format(layout); got != want {
				t.Errorf("%s: got %s, want %s", layout, got, want)
			}
		}
	}
}

// Every byte is seen to be escaped or not, wherever it stands.
func TestPlainLen(t *testing.T) {
	for _, around := range []string{" ", "!", "#", "[", "]", "~", "\x7f", "\"", "\\", "\x1f", "\x80", "\xff"} {
		for at := range 20 {
			for c := range 256 {
				text := []byte(strings.Repeat("x", at) + string([]byte{byte(c)}) + strings.Repeat(around, 20))
				want := 0
				for want < len(text) && text[want] < utf8.RuneSelf && asciiJSON[text[want]] == "" {
					want++
				}
				if got := plainLen(text); got != want {
					t.Fatalf("%q: %d, want %d", text, got, want)
				}
			}
		}
	}
}
