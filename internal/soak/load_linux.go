package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-5082a588/iomux"
	"golang.org/x/sys/unix"
)

// A kind is a way to make a Mux, with what it needs to be checked.
type kind struct {
	name    string
	make    func() (*iomux.Mux, error)
	largest int  // write
	pipe    bool // a write may come in pieces

	lasting *iomux.Mux // is used in all waves
}

// A load is what keeps the Muxes busy.
type load struct {
	dir   string
	kinds []*kind

	muxes, senders, children, pieces, bytes, cancels atomic.Int64
}

func newLoad(dir string) (*load, error) {
	l := &load{dir: dir}
	l.kinds = []*kind{
		{name: "New", make: iomux.New},
		{name: "NewIn", make: func() (*iomux.Mux, error) { return iomux.NewIn(dir) }},
		{name: "NewAbstract", make: iomux.NewAbstract},
		{name: "NewPipe", make: iomux.NewPipe, largest: mostBytes, pipe: true},
	}
	for _, k := range l.kinds {
		var err error
		if k.lasting, err = k.make(); err != nil {
			l.close()
			return nil, err
		}
		if !k.pipe {
			if k.largest, err = largestWrite(k.lasting); err != nil {
				l.close()
				return nil, err
			}
		}
	}
	return l, nil
}

func (l *load) close() {
	for _, k := range l.kinds {
		if k.lasting != nil {
			k.lasting.Close()
		}
	}
}

// largestWrite finds the largest write that the kernel takes, by trying.
func largestWrite(m *iomux.Mux) (int, error) {
	f, err := m.MakeSender()
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for n := mostBytes; n > 0; n /= 2 {
		_, err := f.Write(pattern[:n])
		if err == nil {
			_, err = m.Read()
			return n, err
		}
		if !errors.Is(err, unix.EMSGSIZE) && !errors.Is(err, unix.ENOBUFS) {
			return 0, err
		}
	}
	return 0, errors.New("no write is small enough")
}

// wave uses all kinds at once, for about that long.
func (l *load) wave(length time.Duration) error {
	end := time.Now().Add(length)
	failed := make(chan error, len(l.kinds))
	for _, k := range l.kinds {
		go func() {
			for {
				if err := l.lives(k); err != nil {
					failed <- fmt.Errorf("%s: %w", k.name, err)
					return
				}
				if time.Now().After(end) {
					failed <- nil
					return
				}
			}
		}()
	}
	var errs []error
	for range l.kinds {
		errs = append(errs, <-failed)
	}
	return errors.Join(errs...)
}

// lives uses the lasting Mux, and a new one to its end, and another that is
// closed in the midst of it.
func (l *load) lives(k *kind) error {
	if err := l.newLife(k, k.lasting).run(); err != nil {
		return fmt.Errorf("lasting: %w", err)
	}
	for _, early := range []bool{false, true} {
		m, err := k.make()
		if err != nil {
			return err
		}
		l.muxes.Add(1)
		life := l.newLife(k, m)
		life.early = early
		if err := errors.Join(life.run(), m.Close()); err != nil {
			return err
		}
	}
	return nil
}

// atRest looks that the directory of the Muxes is empty.
func (l *load) atRest() error {
	left, err := os.ReadDir(l.dir)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%d files are left, %s is one", len(left), left[0].Name())
	}
	return err
}

// A life is the use of a Mux from its first sender to the end of output.
type life struct {
	*load
	k     *kind
	m     *iomux.Mux
	early bool // the Mux is closed in the midst of it
	jobs  sync.WaitGroup

	mu      sync.Mutex
	written map[uint64]int // bytes, of each sender; at most, if it was killed
	killed  map[uint64]bool
	err     error // the first of a job
	read    map[string]*stream
}

// jobsOfLife is how many write at the same time, one of them a child.
const jobsOfLife = 4

func (l *load) newLife(k *kind, m *iomux.Mux) *life {
	return &life{load: l, k: k, m: m, written: make(map[uint64]int), killed: make(map[uint64]bool), read: make(map[string]*stream)}
}

func (l *life) run() error {
	anchor, err := l.m.MakeTaggedSender("anchor")
	if err != nil {
		return err
	}
	for i := range jobsOfLife {
		l.jobs.Add(1)
		go func() {
			defer l.jobs.Done()
			if i == 0 {
				l.runChild()
				return
			}
			l.write()
		}()
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		if l.early {
			time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond) // anywhere
			l.m.Close()
		}
		l.jobs.Wait()
		anchor.Close()
	}()
	err = l.readAll()
	if err != nil {
		l.m.Close() // nobody is to wait for a reader
	}
	<-closed
	if l.early && errors.Is(err, os.ErrClosed) {
		return nil
	}
	return errors.Join(err, l.err, l.complete(err))
}

// complete looks that everything written was read.
func (l *life) complete(err error) error {
	if err != nil || l.early {
		return nil
	}
	for id, n := range l.written {
		read := 0
		if s := l.read[strconv.FormatUint(id, 10)]; s != nil {
			read = s.at
		}
		if read > n || read < n && !l.killed[id] {
			return fmt.Errorf("%d bytes were read of %d", read, n)
		}
	}
	return nil
}

// failed notes the error of a job. Where the Mux is closed early, they are to
// be expected.
func (l *life) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil && !l.early {
		l.err = err
	}
}

// write writes to senders that come and go.
func (l *life) write() {
	for range 1 + rand.IntN(5) {
		s := newStream(l.k.largest)
		f, err := l.m.MakeTaggedSender(s.tag())
		if err != nil {
			l.failed(err)
			return
		}
		l.senders.Add(1)
		for range rand.IntN(30) {
			if _, err := f.Write(s.next()); err != nil {
				l.failed(err)
				break
			}
		}
		f.Close()
		l.wrote(s, false)
	}
}

func (l *life) wrote(s *stream, killed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written[s.id], l.killed[s.id] = s.at, killed
}

// readAll reads to the end, in every way.
func (l *life) readAll() error {
	for {
		d, err := l.readOne()
		switch {
		case err == io.EOF:
			return nil
		case err == errNotNow:
			l.cancels.Add(1)
			continue
		case err != nil:
			return err
		}
		l.pieces.Add(1)
		l.bytes.Add(int64(len(d.Data)))
		if err := l.check(d); err != nil && !l.early { // Close takes Data away
			return err
		}
	}
}

var errNotNow = errors.New("nothing now")

func (l *life) readOne() (d iomux.TaggedData, err error) {
	switch rand.IntN(4) {
	case 0:
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(500))*time.Microsecond)
		defer cancel()
		d, err = l.m.ReadContext(ctx)
		if err == context.DeadlineExceeded {
			err = errNotNow
		}
	case 1:
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go cancel()
		d, err = l.m.ReadContext(ctx)
		if err == context.Canceled {
			err = errNotNow
		}
	case 2:
		var ok bool
		if d, ok, err = l.m.TryRead(); !ok && err == nil {
			return l.m.Read()
		}
	default:
		d, err = l.m.Read()
	}
	return d, err
}

// check looks that d is what comes next from its sender.
func (l *life) check(d iomux.TaggedData) error {
	s := l.read[d.Tag]
	if s == nil {
		id, err := strconv.ParseUint(d.Tag, 10, 64)
		if err != nil {
			return err
		}
		s = streamOf(id, l.k.largest)
		l.read[d.Tag] = s
	}
	return s.check(d.Data, l.k.pipe)
}
