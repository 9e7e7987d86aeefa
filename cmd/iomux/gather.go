//go:build linux || (unix && experimental_unix)

package main

import (
	"io"
	"iter"
	"time"

	"github.com/seed-5082a588/iomux"
)

const (
	// maxPieces is how many pieces are gathered before they are written, if
	// there are more and more: what has arrived is not to wait for long.
	maxPieces = 64

	// afterEnd is how many pieces are still taken whose time is after the end
	// of the wait. With pipes that is the time of the reading, so they may have
	// been written before: one each, and as many as two pipes of 1 MiB hold if
	// the command has made them that large.
	afterEnd = 1024
)

// show prints the output to its end. The error is why it did not come so far.
func (j *job) show() error {
	output := j.pieces()
	if j.lines {
		output = iomux.Lines(output)
	}
	for d, err := range output {
		if err != nil {
			return err
		}
		j.print.print(d)
	}
	j.flush() // the command may go on for long without output
	if j.out.closed {
		return errNoReader
	}
	return nil
}

// pieces gives the output of the command, as it comes. What was printed is
// written before it waits for more.
func (j *job) pieces() iter.Seq2[iomux.TaggedData, error] {
	return func(yield func(iomux.TaggedData, error) bool) {
		for {
			d, err := j.next()
			switch {
			case err == io.EOF:
				return
			case err != nil && err == j.ctx.Err():
				j.drain(yield)
				return
			}
			j.copies.write(streamOf(d), d.Data)
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}

func (j *job) next() (iomux.TaggedData, error) {
	if j.gathered > 0 && j.gathered < maxPieces {
		if d, ok, err := j.mux.TryRead(); ok || err != nil {
			j.gathered++
			return d, err
		}
	}
	j.flush()
	if j.out.closed {
		return iomux.TaggedData{}, errNoReader
	}
	j.gathered = 1
	return j.mux.ReadContext(j.ctx)
}

func (j *job) flush() {
	j.print.pause()
	j.sink.flush()
	j.copies.flush()
}

// drain gives what was written before the wait ended, and what a writer that
// never stops puts behind it only as far as that cannot be told.
func (j *job) drain(yield func(iomux.TaggedData, error) bool) {
	end := time.Now()
	j.cut = true
	for late := 0; late < afterEnd; {
		d, ok, err := j.mux.TryRead()
		switch {
		case err == io.EOF:
			j.cut = false // nobody was left to wait for
			return
		case err != nil:
			yield(d, err)
			return
		case !ok || j.out.closed:
			return
		}
		j.copies.write(streamOf(d), d.Data)
		if !yield(d, nil) {
			return
		}
		if d.Time.After(end) {
			late++
		}
	}
}
