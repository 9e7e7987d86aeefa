//go:build linux || (unix && experimental_unix)

package iomux

import (
	"iter"

	"github.com/seed-5082a588/iomux/internal/lines"
)

// Lines regroups the pieces of seq into lines, separately for each tag:
// senders with the same tag contribute to the same lines. Each line is
// yielded whole, with its newline, once the newline has arrived; Time and PID
// are those of its first byte. At the end of seq Lines yields unfinished
// lines, the oldest first, then the error of seq if there was one. No byte is
// lost, changed or yielded twice, however long a line is.
//
// Lines keeps copies of the unfinished lines and nothing else, so its memory
// is not bounded if a line is not; see [LimitLines]. Data is valid until the
// next iteration. The loop blocks only on seq, runs in the caller's
// goroutine, and can be repeated if seq can. seq must not be nil.
func Lines(seq iter.Seq2[TaggedData, error]) iter.Seq2[TaggedData, error] { return lines.Of(seq) }

// LimitLines is [Lines] with a limit: a line of more than max bytes,
// including its newline, is yielded in parts of max bytes as they arrive; the
// rest, with the newline, is the last part. So Data is never longer than max
// bytes, every line ends with its newline, and the parts of a tag put
// together are what was written, byte for byte. Time and PID of a part are
// those of its first byte.
//
// LimitLines keeps at most max bytes for each tag that has an unfinished
// line. It panics if max is not positive.
func LimitLines(seq iter.Seq2[TaggedData, error], max int) iter.Seq2[TaggedData, error] {
	return lines.Limit(seq, max)
}
