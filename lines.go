//go:build linux || (unix && experimental_unix)

package iomux

import (
	"bytes"
	"iter"
	"maps"
	"slices"
)

// Lines regroups the pieces of seq into lines, for each tag by itself: senders
// with the same tag make their lines together. Each line is given whole, with its
// newline, once that has come; Time and PID are those of its first byte. At the
// end of seq it gives what is left unfinished, the oldest first, then the error
// of seq if there was one. No byte is lost, changed or given twice, however long
// a line is.
//
// It holds copies of the unfinished lines and nothing else, so a line without end
// takes memory without end. The Data it gives is valid until the loop goes on. It
// blocks on seq only, runs in the goroutine of the loop, and may be ranged over
// whenever seq may, and as often. seq must not be nil.
func Lines(seq iter.Seq2[TaggedData, error]) iter.Seq2[TaggedData, error] {
	return func(yield func(TaggedData, error) bool) {
		var u unfinished
		var last error
		for d, err := range seq {
			if last != nil && !yield(TaggedData{}, last) {
				return
			}
			last = err
			if !u.lines(d, yield) {
				return
			}
		}
		for _, l := range u.oldestFirst() {
			if !yield(l.TaggedData, nil) {
				return
			}
		}
		if last != nil {
			yield(TaggedData{}, last)
		}
	}
}

// maxSpare is the room that is kept for the next unfinished line: enough for
// most, and little where that one stays unfinished at its first byte.
const maxSpare = 1 << 10

// unfinished holds the beginnings of lines, one for a tag at most.
type unfinished struct {
	byTag map[string]*line
	begun int
	spare []byte // room for the next one
}

// A line that has begun. Its Data is a copy.
type line struct {
	TaggedData
	number int // in the order in which they began
}

// lines yields the lines that d completes and keeps what it leaves unfinished.
// It tells whether to go on.
func (u *unfinished) lines(d TaggedData, yield func(TaggedData, error) bool) bool {
	rest := d.Data
	for len(rest) > 0 {
		end := bytes.IndexByte(rest, '\n') + 1
		if end == 0 {
			u.keep(d, rest)
			return true
		}
		l := d
		l.Data = rest[:end:end]
		if begun := u.byTag[d.Tag]; begun != nil {
			l = u.finish(begun, l.Data)
		}
		if !yield(l, nil) {
			return false
		}
		rest = rest[end:]
	}
	return true
}

// keep puts b, a part of d, behind what is unfinished of its tag.
func (u *unfinished) keep(d TaggedData, b []byte) {
	l := u.byTag[d.Tag]
	if l == nil {
		if u.byTag == nil {
			u.byTag = make(map[string]*line)
		}
		l = &line{TaggedData: d, number: u.begun}
		l.Data, u.spare = u.spare[:0], nil
		u.byTag[d.Tag] = l
		u.begun++
	}
	l.Data = append(l.Data, b...)
}

// finish takes l out, with end at its end.
func (u *unfinished) finish(l *line, end []byte) TaggedData {
	delete(u.byTag, l.Tag)
	l.Data = append(l.Data, end...)
	if cap(l.Data) <= maxSpare {
		u.spare = l.Data
	}
	return l.TaggedData
}

// oldestFirst gives all that are left.
func (u *unfinished) oldestFirst() []*line {
	left := slices.Collect(maps.Values(u.byTag))
	slices.SortFunc(left, func(a, b *line) int { return a.number - b.number })
	return left
}
