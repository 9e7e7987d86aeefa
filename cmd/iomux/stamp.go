//go:build linux || (unix && experimental_unix)

package main

import (
	"errors"
	"fmt"
	"time"
)

// Layouts with all digits, so that columns stay columns.
const (
	rfc3339Micro = "2006-01-02T15:04:05.000000Z07:00"
	rfc3339Nano  = "2006-01-02T15:04:05.000000000Z07:00"
)

// A stamp appends a time to b, that of something which began then.
type stamp func(b []byte, at, began time.Time) []byte

func newStamp(layout string) (stamp, error) {
	switch layout {
	case "elapsed":
		return elapsedStamp, nil
	case "unix":
		return unixStamp, nil
	case "rfc3339":
		return layoutStamp(rfc3339Micro), nil
	}
	// In a layout for another tool, such as %H:%M, Go sees no element.
	a := time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC)
	b := time.Date(2012, 11, 10, 21, 38, 47, 123456789, time.UTC)
	if a.Format(layout) == b.Format(layout) {
		return nil, errors.New("neither elapsed, unix, rfc3339 nor a Go layout such as 15:04:05.000")
	}
	return layoutStamp(layout), nil
}

func layoutStamp(layout string) stamp {
	return func(b []byte, at, _ time.Time) []byte { return at.AppendFormat(b, layout) }
}

// elapsedStamp gives seconds and microseconds. The system's clock may have been
// set back meanwhile.
func elapsedStamp(b []byte, at, began time.Time) []byte {
	d := max(at.Sub(began), 0)
	return fmt.Appendf(b, "%d.%06d", d/time.Second, d%time.Second/time.Microsecond)
}

func unixStamp(b []byte, at, _ time.Time) []byte {
	return fmt.Appendf(b, "%d.%06d", at.Unix(), at.Nanosecond()/1000)
}
