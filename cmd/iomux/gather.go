//go:build linux || (unix && experimental_unix)

package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/seed-5082a588/iomux"
)

const (
	// maxPieces is how many pieces are gathered before they are written, if
	// there are more and more: what has arrived is not to wait for long.
	maxPieces = 64

	// afterEnd is how many pieces are still printed whose time is after the end
	// of the wait. With pipes that is the time of the read, so they may have been
	// written before: one in each pipe, or 512 in two pipes that the command has
	// made as large as it may (1 MiB).
	afterEnd = 1024
)

// show prints the output to its end. If it does not get there, it returns why.
func (j *job) show() error {
	for {
		d, err := j.next()
		switch {
		case err == io.EOF:
			j.views.pause() // the command may go on for long without output
			return j.deserted()
		case err != nil && err == j.ctx.Err():
			return j.drain()
		case err != nil:
			return err
		}
		j.print(d)
	}
}

func (j *job) print(d iomux.TaggedData) {
	j.complained = j.complained || streamOf(d) == toStderr
	j.views.print(d)
}

// next returns what the command writes next. What was printed is written before
// it waits for more.
func (j *job) next() (iomux.TaggedData, error) {
	if j.gathered > 0 && j.gathered < maxPieces {
		if d, ok, err := j.mux.TryRead(); ok || err != nil {
			j.gathered++
			return d, err
		}
	}
	for {
		j.views.pause()
		if err := j.deserted(); err != nil {
			return iomux.TaggedData{}, err
		}
		j.gathered = 1
		d, err := j.mux.ReadContext(j.untilDue())
		if !errors.Is(err, context.DeadlineExceeded) {
			return d, err
		}
		if err := j.ctx.Err(); err != nil {
			return d, err
		}
	}
}

// untilDue returns a context that ends when something has to be shown although
// nothing arrives. One serves for everything that arrives until then, so a program
// that writes a dot every millisecond does not cost a timer for each.
func (j *job) untilDue() context.Context {
	due := j.views.due()
	if due.IsZero() {
		return j.ctx
	}
	if j.due == nil || j.due.Err() != nil {
		j.dueDone()
		j.due, j.dueDone = context.WithDeadline(j.ctx, due)
	}
	return j.due
}

// deserted returns an error if nobody reads the output any more, unless files must
// get it all the same.
func (j *job) deserted() error {
	if j.out.closed && !j.copiesGoOn {
		return errNoReader
	}
	return nil
}

// drain prints what was written before the wait ended, and no more of an endless
// writer's output than cannot be told apart from that.
func (j *job) drain() error {
	end := time.Now()
	j.cut = true
	for late := 0; late < afterEnd && j.deserted() == nil; {
		d, ok, err := j.mux.TryRead()
		switch {
		case err == io.EOF:
			j.cut = false // nobody was left to wait for
			return j.drained()
		case err != nil:
			return err
		case !ok:
			return j.drained()
		}
		j.print(d)
		if d.Time.After(end) {
			late++
		}
	}
	return j.drained()
}

func (j *job) drained() error {
	j.views.pause()
	return j.deserted()
}
