//go:build linux || (unix && experimental_unix)

package main

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
)

// jsonLines prints every line as an object, and the end of the command as one.
type jsonLines struct{ out sink }

// A jsonLine has either Text or Base64.
type jsonLine struct {
	Time    string  `json:"time"`
	Stream  string  `json:"stream"`
	PID     int     `json:"pid,omitempty"`
	Text    *string `json:"text,omitempty"`
	Base64  []byte  `json:"base64,omitempty"`
	Partial bool    `json:"partial,omitempty"`
}

type jsonExit struct {
	Time   string `json:"time"`
	Event  string `json:"event"`
	Code   int    `json:"code"`
	Signal string `json:"signal,omitempty"`
}

func (j *jsonLines) started(time.Time, int) {}

func (j *jsonLines) print(d iomux.TaggedData) {
	l := jsonLine{Time: d.Time.Format(rfc3339Nano), Stream: d.Tag, PID: d.PID}
	data, whole := bytes.CutSuffix(d.Data, []byte("\n"))
	l.Partial = !whole
	if utf8.Valid(data) {
		text := string(data)
		l.Text = &text
	} else {
		l.Base64 = data
	}
	j.object(l)
}

func (j *jsonLines) pause() {}

func (j *jsonLines) finished(at time.Time, r result) {
	e := jsonExit{Time: at.Format(rfc3339Nano), Event: "exit", Code: r.code}
	if r.signal != 0 {
		e.Signal = unix.SignalName(r.signal)
		if e.Signal == "" { // the real-time ones have no names
			e.Signal = r.signal.String()
		}
	}
	j.object(e)
}

func (j *jsonLines) object(v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // < and > are for people to read
	enc.Encode(v)            // cannot fail for these types
	j.out.write(toStdout, b.Bytes())
}
