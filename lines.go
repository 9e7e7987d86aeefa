//go:build linux || (unix && experimental_unix)

package iomux

import (
	"iter"

	"github.com/seed-5082a588/iomux/internal/lines"
)

// Lines regroups the pieces of seq into lines, for each tag by itself: senders
// with the same tag make their lines together. Each line is yielded whole, with
// its newline, once that has come; Time and PID are those of its first byte. At
// the end of seq it yields what is left unfinished, the oldest first, then the
// error of seq if there was one. No byte is lost, changed or yielded twice,
// however long a line is.
//
// It holds copies of the unfinished lines and nothing else, so a line without end
// takes memory without end: see [LimitLines]. Data is valid until the next
// iteration. It blocks on seq only, runs in the goroutine of the loop, and may be
// ranged over whenever seq may, and as often. seq must not be nil.
func Lines(seq iter.Seq2[TaggedData, error]) iter.Seq2[TaggedData, error] { return lines.Of(seq) }

// LimitLines is [Lines] with a longest line: one of more than max bytes, its
// newline included, is yielded in parts of max bytes as they come, and what is left
// at its newline as the last part. So Data is never longer than max bytes, every
// line ends with its newline, and putting the parts of a tag together gives what
// was written, byte for byte. Time and PID of a part are those of its first byte.
//
// It holds at most max bytes for each tag that has an unfinished line, whatever
// comes. It panics if max is not positive.
func LimitLines(seq iter.Seq2[TaggedData, error], max int) iter.Seq2[TaggedData, error] {
	return lines.Limit(seq, max)
}
