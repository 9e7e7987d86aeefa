package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"time"
)

// mostBytes is how long a message is at most.
const mostBytes = 4 << 20

// period is that of the bytes of a stream. Being odd, it does not fit any page.
const period = 251

// pattern is what all streams are cut from.
var pattern = func() []byte {
	p := make([]byte, period+mostBytes)
	for i := range p {
		p[i] = byte(i % period)
	}
	return p
}()

// A stream is what is written to one sender. Its number says all of it, so that
// writer and reader need not talk.
type stream struct {
	id      uint64
	r       *rand.Rand
	largest int // message
	at      int // bytes so far
}

var streams atomic.Uint64

// newStream gives one that has not been before.
func newStream(largest int) *stream { return streamOf(streams.Add(1), largest) }

func streamOf(id uint64, largest int) *stream {
	return &stream{id: id, r: rand.New(rand.NewPCG(id, 1)), largest: largest}
}

func (s *stream) tag() string { return strconv.FormatUint(s.id, 10) }

// next gives the next message.
func (s *stream) next() []byte {
	n := 0
	switch p := s.r.IntN(1000); {
	case p < 700:
		n = s.r.IntN(200)
	case p < 950:
		n = s.r.IntN(8000)
	case p < 996:
		n = s.r.IntN(min(200_000, s.largest))
	default:
		n = s.r.IntN(s.largest)
	}
	return s.take(n + 1)
}

func (s *stream) take(n int) []byte {
	from := (s.id + uint64(s.at)) % period
	s.at += n
	return pattern[from:][:n]
}

// check looks that data is the next message, or is in place if messages come in
// pieces.
func (s *stream) check(data []byte, pieces bool) error {
	at := s.at
	var want []byte
	if pieces {
		want = s.take(len(data))
	} else {
		want = s.next()
	}
	if !bytes.Equal(data, want) {
		return fmt.Errorf("sender %d, at byte %d: %d bytes that are not the %d bytes written", s.id, at, len(data), len(want))
	}
	return nil
}

const childEnv = "IOMUX_SOAK_CHILD"

// child writes so many messages of two streams to its standard output and
// standard error.
func child(args []string) int {
	n, _ := strconv.Atoi(args[0])
	largest, _ := strconv.Atoi(args[1])
	out, _ := strconv.ParseUint(args[2], 10, 64)
	errs, _ := strconv.ParseUint(args[3], 10, 64)
	a, b := streamOf(out, largest), streamOf(errs, largest)
	for range n {
		if _, err := os.Stdout.Write(a.next()); err != nil {
			return 1
		}
		if _, err := os.Stderr.Write(b.next()); err != nil {
			return 1
		}
	}
	return 0
}

// runChild runs one, and kills it now and then.
func (l *life) runChild() {
	a, b := newStream(l.k.largest), newStream(l.k.largest)
	n := rand.IntN(20)
	self, err := os.Executable()
	if err != nil {
		l.failed(err)
		return
	}
	cmd := exec.Command(self, strconv.Itoa(n), strconv.Itoa(l.k.largest), a.tag(), b.tag())
	cmd.Env = append(os.Environ(), childEnv+"=1", "GORACE=atexit_sleep_ms=0", "GOMAXPROCS=1")
	if err := l.start(cmd, a, b); err != nil {
		l.failed(err)
		return
	}
	l.children.Add(1)
	kill := rand.IntN(4) == 0
	if kill {
		time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond) // anywhere
		cmd.Process.Kill()
	}
	if err := cmd.Wait(); err != nil && !kill {
		l.failed(fmt.Errorf("child: %w", err))
	}
	for range n {
		a.next()
		b.next()
	}
	l.wrote(a, kill)
	l.wrote(b, kill)
}

// start starts cmd on two new senders, of which only it has copies then.
func (l *life) start(cmd *exec.Cmd, a, b *stream) error {
	out, err := l.m.MakeTaggedSender(a.tag())
	if err != nil {
		return err
	}
	defer out.Close()
	errs, err := l.m.MakeTaggedSender(b.tag())
	if err != nil {
		return err
	}
	defer errs.Close()
	l.senders.Add(2)
	cmd.Stdout, cmd.Stderr = out, errs
	return cmd.Start()
}
