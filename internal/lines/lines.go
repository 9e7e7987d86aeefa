// Package lines regroups pieces of what was written into lines. It serves package
// iomux and, on every system, package capture, whose pieces are of different types
// with the same fields.
package lines

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"time"
)

// A Piece is what the pieces of all packages can be converted to.
type Piece struct {
	Tag  string
	Data []byte
	Time time.Time
	PID  int
}

type piece interface {
	~struct {
		Tag  string
		Data []byte
		Time time.Time
		PID  int
	}
}

// Of is iomux.Lines.
func Of[T piece](seq iter.Seq2[T, error]) iter.Seq2[T, error] { return regroup(seq, math.MaxInt) }

// Limit is iomux.LimitLines.
func Limit[T piece](seq iter.Seq2[T, error], max int) iter.Seq2[T, error] {
	if max <= 0 {
		panic(fmt.Sprintf("LimitLines: max is %d, not positive", max))
	}
	return regroup(seq, max)
}

func regroup[T piece](seq iter.Seq2[T, error], max int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var nothing T
		var last error
		u := unfinished{max: max}
		give := func(l Piece) bool { return yield(T(l), nil) }
		for d, err := range seq {
			if last != nil && !yield(nothing, last) {
				return
			}
			last = err
			if !u.lines(Piece(d), give) {
				return
			}
		}
		for _, l := range u.oldestFirst() {
			if !give(l.Piece) {
				return
			}
		}
		if last != nil {
			yield(nothing, last)
		}
	}
}

// maxSpare is the room that is kept for the next unfinished line: enough for
// most, and little where that one stays unfinished at its first byte.
const maxSpare = 1 << 10

// unfinished holds the beginnings of lines, at most one for each tag.
type unfinished struct {
	max   int // the longest line that is not divided
	byTag map[string]*line
	begun uint64
	spare []byte // room for the next one
}

// A line that has begun. Its Data is a copy, shorter than max.
type line struct {
	Piece
	number uint64 // in the order in which they began
}

// lines yields the lines, and parts of max bytes, that d completes, and keeps what
// it leaves unfinished. It reports whether to go on.
func (u *unfinished) lines(d Piece, yield func(Piece) bool) bool {
	rest := d.Data
	for len(rest) > 0 {
		begun := u.byTag[d.Tag]
		end := u.end(begun, rest)
		if end == 0 {
			u.keep(begun, d, rest)
			return true
		}
		l := d
		l.Data = rest[:end:end] // so that appending to it leaves the rest alone
		if begun != nil {
			l = u.finish(begun, l.Data)
		}
		if !yield(l) {
			return false
		}
		rest = rest[end:]
	}
	return true
}

// end returns the length of what of rest completes a line or a part, or 0.
func (u *unfinished) end(begun *line, rest []byte) int {
	room := u.max
	if begun != nil {
		room -= len(begun.Data)
	}
	if len(rest) < room {
		return bytes.IndexByte(rest, '\n') + 1
	}
	if i := bytes.IndexByte(rest[:room], '\n'); i >= 0 {
		return i + 1
	}
	return room
}

// keep puts b, a part of d, behind what has begun of its line, if anything has.
func (u *unfinished) keep(begun *line, d Piece, b []byte) {
	if begun == nil {
		if u.byTag == nil {
			u.byTag = make(map[string]*line)
		}
		begun = &line{Piece: d, number: u.begun}
		begun.Data, u.spare = u.spare[:0], nil
		u.byTag[d.Tag] = begun
		u.begun++
	}
	if n := len(begun.Data) + len(b); n > cap(begun.Data) && n > u.max/2 {
		begun.Data = append(make([]byte, 0, u.max), begun.Data...) // append might take twice as much
	}
	begun.Data = append(begun.Data, b...)
}

// finish removes l and returns it with end appended.
func (u *unfinished) finish(l *line, end []byte) Piece {
	delete(u.byTag, l.Tag)
	l.Data = append(l.Data, end...)
	if cap(l.Data) <= maxSpare {
		u.spare = l.Data
	}
	return l.Piece
}

// oldestFirst returns all that are left.
func (u *unfinished) oldestFirst() []*line {
	left := slices.Collect(maps.Values(u.byTag))
	slices.SortFunc(left, func(a, b *line) int { return cmp.Compare(a.number, b.number) })
	return left
}
