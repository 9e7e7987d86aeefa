//go:build linux || (unix && experimental_unix)

package main

import (
	"errors"
	"strconv"
	"time"
)

// Layouts with all digits, so that columns stay columns.
const (
	rfc3339Micro = "2006-01-02T15:04:05.000000Z07:00"
	rfc3339Nano  = "2006-01-02T15:04:05.000000000Z07:00"
)

// A stamp appends the time at to b, or the time since began.
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

// elapsedStamp appends seconds and microseconds. The system's clock may have
// been set back meanwhile.
func elapsedStamp(b []byte, at, began time.Time) []byte {
	d := max(at.Sub(began), 0)
	b = strconv.AppendInt(b, int64(d/time.Second), 10)
	return appendFraction(b, int(d%time.Second)/1000, 6)
}

func unixStamp(b []byte, at, _ time.Time) []byte {
	b = strconv.AppendInt(b, at.Unix(), 10)
	return appendFraction(b, at.Nanosecond()/1000, 6)
}

// appendFraction appends a point and n with that many digits.
func appendFraction(b []byte, n, digits int) []byte {
	b = append(b, ".000000000"[:1+digits]...)
	for i := len(b) - 1; n > 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}

// A stamper appends the times of one output. Most of them are the one before,
// as the lines of one write have one time, or in the same second.
type stamper struct {
	stamp   stamp
	seconds bool // the stamp shows no less than seconds
	began   time.Time

	last time.Time
	text []byte // its stamp
}

func newStamper(s stamp) *stamper {
	a := time.Unix(1e9, 0)
	b := a.Add(123456789)
	return &stamper{stamp: s, seconds: string(s(nil, a, a)) == string(s(nil, b, a))}
}

func (s *stamper) append(b []byte, at time.Time) []byte {
	if !s.covers(at) {
		s.text, s.last = s.stamp(s.text[:0], at, s.began), at
	}
	return append(b, s.text...)
}

// covers reports whether the last stamp serves for at.
func (s *stamper) covers(at time.Time) bool {
	return s.text != nil && (at.Equal(s.last) || s.seconds && at.Unix() == s.last.Unix())
}

// A clock appends times in RFC 3339 with nanoseconds. Of the second it only
// formats each new one: the zone does not change within it.
type clock struct {
	last time.Time
	text []byte // of that

	second       int64
	before, zone []byte // what is around the nanoseconds
}

func (c *clock) append(b []byte, at time.Time) []byte {
	if at != c.last || c.text == nil { // the lines of one piece have one time
		c.text, c.last = c.format(c.text[:0], at), at
	}
	return append(b, c.text...)
}

func (c *clock) format(b []byte, at time.Time) []byte {
	if s := at.Unix(); s != c.second || c.before == nil {
		c.second = s
		c.before = at.AppendFormat(c.before[:0], "2006-01-02T15:04:05")
		c.zone = at.AppendFormat(c.zone[:0], "Z07:00")
	}
	b = append(b, c.before...)
	b = appendFraction(b, at.Nanosecond(), 9)
	return append(b, c.zone...)
}
