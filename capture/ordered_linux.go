//go:build !capture_fallback

package capture

import (
	"iter"
	"os/exec"

	"github.com/seed-5082a588/iomux"
)

// Ordered reports whether the output of a command comes in the order of the
// writes to its two streams: it does on Linux, and not on other systems.
const Ordered = true

// TaggedData is one piece of what a command wrote: on Linux the type of
// package iomux, on other systems one with the same fields.
type TaggedData = iomux.TaggedData

func output(cmd *exec.Cmd, start func(*exec.Cmd) error) iter.Seq2[TaggedData, error] {
	return iomux.OutputWith(cmd, start)
}

func run(cmd *exec.Cmd, start func(*exec.Cmd) error) error { return iomux.RunWith(cmd, start) }

func regroup(seq iter.Seq2[TaggedData, error]) iter.Seq2[TaggedData, error] { return iomux.Lines(seq) }

func limit(seq iter.Seq2[TaggedData, error], max int) iter.Seq2[TaggedData, error] {
	return iomux.LimitLines(seq, max)
}
