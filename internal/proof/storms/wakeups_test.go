//go:build linux || (unix && experimental_unix)

package storms_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
)

// The hunt for wake-ups that are lost, and for those that come to the wrong one.
//
// Each round is the life of a Mux, each step of it lets readers and what is to
// wake them loose at the same time, and then is quiet: no second event hides
// that the first one was lost. Each event has its answer, which is waited for:
// a piece is delivered once, a canceled reader returns, the last close of a
// sender and that of the Mux end all reads. Nobody may return for a reason that
// is not his own.
//
// IOMUX_STRESS=100 makes it a hundred times as long. IOMUX_SEED=n makes the same
// choices again, as far as the scheduler lets it: a failure says the n of its
// round.

// huntLimit is how long nothing happens before somebody waits in vain.
const huntLimit = 30 * time.Second

const (
	huntSteps   = 20
	mostReaders = 3
	mostWriters = 3
	mostPieces  = 30
)

// falseAlarm, where it can be raised, makes a sender look closed for a moment.
var falseAlarm func(f *os.File)

// huntSeed is the seed of the first round.
func huntSeed() uint64 {
	if seed, err := strconv.ParseUint(os.Getenv("IOMUX_SEED"), 10, 64); err == nil {
		return seed
	}
	return rand.Uint64() >> 1
}

func TestWakeUps(t *testing.T) {
	first := huntSeed()
	for _, procs := range []int{1, 2, 8} {
		t.Run(fmt.Sprint(procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, _ *iomux.Mux) {
				n := muxtest.Rounds(12)
				for i := range n {
					newHunt(t, k, first+uint64(i), i).run()
				}
				t.Logf("%d rounds of %d steps from seed %d", n, huntSteps, first)
			})
		})
	}
}

// A hunt is one round.
type hunt struct {
	t     *testing.T
	k     muxtest.Kind
	m     *iomux.Mux
	seed  uint64
	round int
	r     *rand.Rand
	rough bool     // large writes and false alarms, after which the reader looks from time to time
	log   []string // what was done

	writers []*huntWriter
	events  chan huntEvent
	begun   atomic.Int32  // reads
	open    atomic.Int32  // senders
	ends    atomic.Int32  // how often that became 0
	closing atomic.Bool   // Close has begun
	close   []func()      // what is left to do at the end of the step
	kept    chan *os.File // senders of passers-by that are open still
	step    huntStep
}

// A huntStep is what is known of a step, and what has happened in it.
type huntStep struct {
	readers  map[*huntReader]bool // that have not returned
	doomed   int                  // of these, that will be canceled
	actors   int                  // other goroutines
	pieces   int                  // to be written
	got      int                  // delivered
	alone    bool                 // one reads, so that Data is good
	next     [mostWriters]uint32  // number of the next piece of each writer
	draining bool
}

// A huntEvent is one that happened: a read that returned, or an actor that is
// at its end.
type huntEvent struct {
	reader  *huntReader
	drain   bool // of the one who reads to the end
	tried   bool // by TryRead
	err     error
	ended   int32 // h.ends when the read began, or -1 if no sender was open
	problem string
}

func newHunt(t *testing.T, k muxtest.Kind, seed uint64, round int) *hunt {
	r := rand.New(rand.NewPCG(seed, 0))
	h := &hunt{t: t, k: k, seed: seed, round: round, r: r, rough: r.IntN(4) == 0, events: make(chan huntEvent, 1000), kept: make(chan *os.File, 10)}
	h.m = muxtest.Must(k.Make(t))
	return h
}

func (h *hunt) run() {
	defer h.cleanUp()
	for i := range 1 + h.r.IntN(mostWriters) {
		h.writers = append(h.writers, &huntWriter{h: h, number: i})
	}
	for i := range huntSteps {
		mode := h.r.IntN(8)
		if i == huntSteps-1 {
			mode = h.r.IntN(2)
		}
		h.note("step %d:", i)
		// A Mux that has had no sender: its readers wait for one.
		if lazy := i == 0 && len(h.writers) == 1 && mode > 1; !lazy {
			for _, w := range h.writers {
				w.ensure()
			}
		}
		switch mode {
		case 0:
			h.rushToClose()
			return
		case 1:
			h.rushToEnd()
		default:
			h.quiet()
		}
		h.endStep()
		if h.closing.Load() {
			return
		}
	}
}

func (h *hunt) note(format string, args ...any) { h.log = append(h.log, fmt.Sprintf(format, args...)) }

// endStep looks that nothing is left to read, and takes empty writes out of the
// queue.
func (h *hunt) endStep() {
	for _, f := range h.close {
		f()
	}
	h.close = h.close[:0]
	h.closeKept()
	if _, ok, err := h.m.TryRead(); ok || err != nil && err != io.EOF && !h.closing.Load() {
		h.fail("at the end of a step there is a piece: %v, %v", ok, err)
	}
}

func (h *hunt) cleanUp() {
	h.closing.Store(true)
	h.m.Close()
	for _, f := range h.close {
		f()
	}
	h.closeKept()
	for _, w := range h.writers {
		w.shut()
	}
}

// fail says how to do this round again.
func (h *hunt) fail(format string, args ...any) {
	h.t.Helper()
	h.t.Fatalf("round %d, seed %d (again: IOMUX_SEED=%d go test -run '%s'): %s\n%s", h.round, h.seed, h.seed,
		h.t.Name(), fmt.Sprintf(format, args...), strings.Join(h.log, "\n"))
}

// await takes events until done.
func (h *hunt) await(what string, done func(s *huntStep) bool) {
	h.t.Helper()
	timer := time.NewTimer(huntLimit)
	defer timer.Stop()
	for !done(&h.step) {
		timer.Reset(huntLimit)
		select {
		case e := <-h.events:
			h.happened(e)
		case <-timer.C:
			var stacks strings.Builder
			pprof.Lookup("goroutine").WriteTo(&stacks, 2)
			h.fail("nothing happens while waiting for %s: %+v\n%s", what, h.step, &stacks)
		}
	}
}

func (h *hunt) happened(e huntEvent) {
	h.t.Helper()
	s := &h.step
	if e.problem != "" {
		h.fail("%s", e.problem)
	}
	switch {
	case e.reader != nil:
		delete(s.readers, e.reader)
		if e.reader.doomed {
			s.doomed--
		}
	case e.drain:
		s.draining = e.err == nil
	case !e.tried:
		s.actors--
		return
	}
	switch {
	case e.err == nil:
		s.got++
	case e.err == io.EOF && (e.ended < 0 || h.ends.Load() != e.ended):
	case errors.Is(e.err, os.ErrClosed) && h.closing.Load():
	case e.reader != nil && e.err == e.reader.ctx.Err():
	default:
		h.fail("a read gives %v, for no reason of its own", e.err)
	}
}

// start lets everything loose, in any order.
func (h *hunt) start(actors []func()) {
	h.r.Shuffle(len(actors), func(i, j int) { actors[i], actors[j] = actors[j], actors[i] })
	for _, act := range actors {
		go act()
	}
}

// actor is f, some time later, and the event that it is at its end.
func (h *hunt) actor(f func()) func() {
	h.step.actors++
	wait := h.delay()
	return func() {
		wait()
		f()
		h.events <- huntEvent{}
	}
}

// delay chooses how long to wait. Both short and long delays are needed, as the
// reader needs some time until it sleeps, and those that aim at the moments after
// it has begun.
func (h *hunt) delay() func() {
	n := h.r.IntN(1 << h.r.IntN(9))
	if h.r.IntN(2) == 0 {
		return func() {
			for range n {
				runtime.Gosched()
			}
		}
	}
	aim := h.begun.Load() + 1
	return func() {
		for range 200 {
			if h.begun.Load() >= aim {
				break
			}
			runtime.Gosched()
		}
		for range 32 * n { // up to some microseconds
			h.begun.Load()
		}
	}
}

func (h *hunt) begin(readers, tries int) (actors []func()) {
	h.step = huntStep{readers: make(map[*huntReader]bool), alone: readers == 1 && tries == 0}
	for i, w := range h.writers {
		h.step.next[i] = w.written
	}
	for range tries {
		actors = append(actors, h.actor(h.try(1+h.r.IntN(4))))
	}
	return actors
}

// quiet lets readers go and events that concern some of them. When each event
// had its answer and the rest of the readers sleep, something ends that.
func (h *hunt) quiet() {
	n := 1 + h.r.IntN(mostReaders)
	actors := h.begin(n, h.r.IntN(2))
	s := &h.step
	lazy := h.open.Load() == 0
	for range n {
		r, act := h.newReader()
		actors = append(actors, act)
		if kill := h.doom(r); kill != nil {
			actors = append(actors, kill)
		}
	}
	s.pieces = h.r.IntN(n - s.doomed + 1)
	if lazy {
		s.pieces = n - s.doomed
	}
	actors = append(actors, h.write(s.pieces, false)...)
	if !lazy {
		actors = append(actors, h.noise(true)...)
	}
	h.note(" %d readers, %d of them canceled, %d pieces", n, s.doomed, s.pieces)
	h.start(actors)
	h.await("pieces and cancels", func(s *huntStep) bool { return s.actors == 0 && s.doomed == 0 && s.got == s.pieces })
	h.finish()
}

// finish ends the reads that are left.
func (h *hunt) finish() {
	left := len(h.step.readers)
	if left == 0 && h.r.IntN(4) != 0 {
		return
	}
	how := h.r.IntN(8)
	h.note(" %d left, ended by %d", left, how)
	switch {
	case how == 0:
		h.closing.Store(true)
		h.start([]func(){h.actor(h.closeMux)})
	case how < 3:
		h.start(append(h.write(0, true), h.actor(h.closeKept)))
	case how < 6:
		for r := range h.step.readers {
			if r.cancel != nil {
				h.start([]func(){h.actor(r.cancel)})
				h.await("a cancel", func(s *huntStep) bool { return s.actors == 0 && !s.readers[r] })
			}
		}
		fallthrough
	default:
		h.step.pieces += len(h.step.readers)
		h.start(h.write(len(h.step.readers), false))
	}
	h.await("the last event", func(s *huntStep) bool { return s.actors == 0 && len(s.readers) == 0 && s.got == s.pieces })
}

// rushToEnd has all senders closed in the middle of it all.
func (h *hunt) rushToEnd() {
	actors := h.rush()
	h.start(append(actors, h.write(h.step.pieces, true)...))
	h.await("the first reads", func(s *huntStep) bool { return len(s.readers) == 0 })
	h.step.draining = true
	go h.drain(h.r.IntN(3))
	h.await("the end", func(s *huntStep) bool { return !s.draining && s.actors == 0 })
	if h.step.got != h.step.pieces {
		h.fail("%d pieces at the end, %d were written", h.step.got, h.step.pieces)
	}
}

// rushToClose closes the Mux in the middle of it all.
func (h *hunt) rushToClose() {
	actors := h.rush()
	h.step.alone = false // Close takes Data away
	actors = append(actors, h.actor(h.closeMux))
	h.start(append(actors, h.write(h.step.pieces, false)...))
	h.await("Close", func(s *huntStep) bool { return len(s.readers) == 0 && s.actors == 0 })
}

func (h *hunt) rush() []func() {
	n := 1 + h.r.IntN(mostReaders)
	actors := h.begin(n, h.r.IntN(2))
	for range n {
		r, act := h.newReader()
		actors = append(actors, act)
		if kill := h.doom(r); kill != nil {
			actors = append(actors, kill)
		}
	}
	h.step.pieces = h.r.IntN(mostPieces)
	h.note(" rush, %d readers, %d of them canceled, %d pieces", n, h.step.doomed, h.step.pieces)
	return append(actors, h.noise(false)...)
}

func (h *hunt) closeMux() {
	h.closing.Store(true)
	h.m.Close()
}

// A huntReader reads once.
type huntReader struct {
	ctx    context.Context
	cancel context.CancelFunc // nil if it has no context of its own
	doomed bool               // will be canceled, or has a deadline
}

// newReader makes a reader that waits for as long as it takes.
func (h *hunt) newReader() (*huntReader, func()) {
	r := &huntReader{ctx: context.Background()}
	if h.r.IntN(3) > 0 {
		r.ctx, r.cancel = context.WithCancel(r.ctx)
		h.close = append(h.close, r.cancel)
	}
	h.step.readers[r] = true
	wait := h.delay()
	return r, func() {
		wait()
		e := h.eventOf(func() (iomux.TaggedData, error) { return h.m.ReadContext(r.ctx) })
		e.reader = r
		h.events <- e
	}
}

// doom may give a reader an end of its own. The function that it gives then
// brings it about.
func (h *hunt) doom(r *huntReader) func() {
	if r.cancel == nil || h.r.IntN(2) == 0 || h.open.Load() == 0 {
		return nil
	}
	r.doomed = true
	h.step.doomed++
	if h.r.IntN(3) > 0 {
		return h.actor(r.cancel)
	}
	var stop context.CancelFunc
	r.ctx, stop = context.WithTimeout(r.ctx, time.Duration(h.r.IntN(400))*time.Microsecond)
	h.close = append(h.close, stop)
	return h.actor(func() {})
}

// eventOf reads, and looks at what came.
func (h *hunt) eventOf(read func() (iomux.TaggedData, error)) (e huntEvent) {
	h.begun.Add(1)
	e.ended = h.ends.Load()
	if h.open.Load() == 0 {
		e.ended = -1
	}
	d, err := read()
	e.err = err
	if err != nil || !h.step.alone || h.closing.Load() {
		return e
	}
	w, n := int(d.Data[0]), binary.BigEndian.Uint32(d.Data[1:])
	if want := h.step.next[w]; n != want || d.Tag != strconv.Itoa(w) {
		e.problem = fmt.Sprintf("piece %d of writer %d, tagged %q, want piece %d", n, w, d.Tag, want)
	}
	h.step.next[w]++
	return e
}

// drain reads to the end, in one of the ways.
func (h *hunt) drain(way int) {
	for ok := true; ok; runtime.Gosched() {
		e := h.eventOf(func() (d iomux.TaggedData, err error) {
			switch way {
			case 0:
				return h.m.Read()
			case 1:
				return h.untilCanceled()
			}
			for ok := false; !ok && err == nil; runtime.Gosched() {
				d, ok, err = h.m.TryRead()
			}
			return d, err
		})
		e.drain = true
		ok = e.err == nil && e.problem == ""
		h.events <- e
	}
}

// untilCanceled reads, again and again, with contexts that soon end.
func (h *hunt) untilCanceled() (iomux.TaggedData, error) {
	for {
		runtime.Gosched() // these two alone would keep a single processor to themselves
		ctx, cancel := context.WithCancel(context.Background())
		go cancel()
		if d, err := h.m.ReadContext(ctx); err != context.Canceled {
			return d, err
		}
	}
}

// try tries to read so many times, beside the readers.
func (h *hunt) try(times int) func() {
	return func() {
		for range times {
			ok := false
			e := h.eventOf(func() (d iomux.TaggedData, err error) {
				d, ok, err = h.m.TryRead()
				return d, err
			})
			e.tried = true
			if ok || e.err != nil {
				h.events <- e
			}
			runtime.Gosched()
		}
	}
}

// noise is what may wake a reader, or take what would have woken it, and is no
// reason to return.
func (h *hunt) noise(keep bool) (actors []func()) {
	for range h.r.IntN(3) {
		w := h.writers[h.r.IntN(len(h.writers))]
		f := w.f
		switch h.r.IntN(4) {
		case 0:
			actors = append(actors, h.actor(func() { f.Write(nil) })) // fails if the writer has closed it
		case 1:
			if falseAlarm != nil && h.rough {
				actors = append(actors, h.actor(func() { falseAlarm(f) }))
			}
		default:
			n := 1 + h.r.IntN(3)
			actors = append(actors, h.actor(func() { h.comeAndGo(n, keep) }))
		}
	}
	return actors
}

// comeAndGo makes some senders, which takes the events that are there, and
// closes them again, but for the last one if it is to be kept: its end would
// be another event.
func (h *hunt) comeAndGo(n int, keep bool) {
	for i := range n {
		f, err := h.makeSender("passer-by")
		if err != nil {
			return
		}
		if keep && i == n-1 {
			h.kept <- f
			return
		}
		runtime.Gosched()
		h.closeSender(f)
	}
}

func (h *hunt) closeKept() {
	for len(h.kept) > 0 {
		h.closeSender(<-h.kept)
	}
}

func (h *hunt) makeSender(tag string) (*os.File, error) {
	f, err := h.m.MakeTaggedSender(tag)
	if err == nil {
		h.open.Add(1)
	} else if !errors.Is(err, os.ErrClosed) || !h.closing.Load() {
		h.events <- huntEvent{problem: err.Error()}
	}
	return f, err
}

// closeSender counts first: the end of output may be read before Close returns.
func (h *hunt) closeSender(f *os.File) {
	if h.open.Add(-1) == 0 {
		h.ends.Add(1)
	}
	f.Close()
}

// A huntWriter writes numbered pieces, to one sender after the other.
type huntWriter struct {
	h       *hunt
	number  int
	f       *os.File
	written uint32
}

func (w *huntWriter) ensure() {
	if w.f == nil {
		w.f, _ = w.h.makeSender(strconv.Itoa(w.number))
	}
}

func (w *huntWriter) shut() {
	if w.f != nil {
		w.h.closeSender(w.f)
		w.f = nil
	}
}

// write makes each writer an actor; together they write n pieces. In the end
// they close their senders, if shut.
func (h *hunt) write(n int, shut bool) (actors []func()) {
	shares := make([][]huntWrite, len(h.writers))
	for range n {
		i := h.r.IntN(len(h.writers))
		hw := huntWrite{wait: h.delay(), size: 5 + h.r.IntN(50), change: h.r.IntN(5) == 0}
		if h.rough && h.r.IntN(8) == 0 {
			hw.size = 4096
			if !h.k.Pipe {
				hw.size = 1 + h.r.IntN(100_000) + 4096
			}
		}
		shares[i] = append(shares[i], hw)
	}
	for i, w := range h.writers {
		actors = append(actors, h.actor(func() { w.write(shares[i], shut) }))
	}
	return actors
}

type huntWrite struct {
	wait   func()
	size   int
	change bool // of the sender, before it
}

func (w *huntWriter) write(share []huntWrite, shut bool) {
	for _, hw := range share {
		hw.wait()
		old := w.f
		if hw.change || old == nil {
			w.f = nil
			if w.ensure(); old != nil {
				w.h.closeSender(old)
			}
		}
		if w.f == nil {
			return // closed
		}
		data := make([]byte, hw.size)
		data[0] = byte(w.number)
		binary.BigEndian.PutUint32(data[1:], w.written)
		if _, err := w.f.Write(data); err != nil {
			if !w.h.closing.Load() {
				w.h.events <- huntEvent{problem: "write: " + err.Error()}
			}
			return
		}
		w.written++
	}
	if shut {
		w.shut()
	}
}
