//go:build linux || (unix && experimental_unix)

package iomux_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"

	"github.com/seed-5082a588/iomux"
)

// Everything that wakes a reader, in any order and at any time. A wake-up that
// is lost leaves somebody waiting for ever, one that is stale gives an error to
// the wrong one. IOMUX_STRESS=100 makes it longer.
func TestWakeUps(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		t.Run(fmt.Sprint(procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			forKinds(t, func(t *testing.T, k kind, _ *iomux.Mux) {
				for range rounds(12) {
					s := &wakeUps{t: t, k: k, m: must(k.make(t)), early: rand.IntN(4) == 0, written: make(chan uint32, 1)}
					s.run()
				}
			})
		})
	}
}

type wakeUps struct {
	t       *testing.T
	k       kind
	m       *iomux.Mux
	early   bool        // Close comes in the middle
	written chan uint32 // how much the writer has written, at its end
}

func (s *wakeUps) run() {
	first := must(s.m.MakeSender())
	go s.write(first)
	if s.early {
		go func() {
			yield(100)
			s.m.Close()
		}()
	}
	next, err := s.read()
	written := <-s.written
	switch {
	case s.early && errors.Is(err, os.ErrClosed):
	case err != io.EOF || next != written:
		s.t.Errorf("%v after %d pieces of %d", err, next, written)
	}
	s.m.Close()
}

// write writes numbers to senders that come and go; f is the first.
func (s *wakeUps) write(f *os.File) {
	var n uint32
	defer func() {
		f.Close()
		s.written <- n
	}()
	for range 60 {
		switch rand.IntN(5) {
		case 0:
			g, err := s.m.MakeSender()
			if err != nil {
				return // closed
			}
			f.Close()
			f = g
		case 1:
			yield(5)
		default:
			if _, err := f.Write(binary.BigEndian.AppendUint32(nil, n)); err != nil {
				return
			}
			n++
		}
	}
}

// read reads in every way until an error that is none of its own.
func (s *wakeUps) read() (next uint32, err error) {
	for {
		var d iomux.TaggedData
		ok := true
		switch rand.IntN(4) {
		case 0:
			d, ok, err = s.m.TryRead()
		case 1:
			d, err = s.m.Read()
		default:
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan struct{})
			go func() {
				yield(8)
				cancel()
				close(ended)
			}()
			d, err = s.m.ReadContext(ctx)
			if rand.IntN(2) == 0 {
				<-ended
			}
			if err == context.Canceled && ctx.Err() != nil {
				continue
			}
		}
		if err != nil {
			return next, err
		}
		if !ok {
			runtime.Gosched()
			continue
		}
		if got := binary.BigEndian.Uint32(d.Data); got != next && !s.early { // Close takes Data away
			return next, fmt.Errorf("got piece %d, want %d", got, next)
		}
		next++
	}
}

// yield lets others run, up to n times.
func yield(n int) {
	for range rand.IntN(n) {
		runtime.Gosched()
	}
}
