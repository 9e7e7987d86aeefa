//go:build linux || (unix && experimental_unix)

package contender

import (
	"io"
	"os"
	"sync"
)

// bufferSize is what the readers of plain pipes read at a time, at most: all
// that a pipe holds on Linux.
const bufferSize = 64 << 10

type sharedPipe struct {
	*os.File
	senders []*os.File
	buf     []byte
}

// NewSharedPipe receives by one os.Pipe, which is both senders: the order is
// kept, the origin lost, and so is the border between two writes.
func NewSharedPipe() (Receiver, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &sharedPipe{File: r, senders: []*os.File{w, w}, buf: make([]byte, bufferSize)}, nil
}

func (p *sharedPipe) Senders() []*os.File { return p.senders }

func (p *sharedPipe) Receive(bytes int) error {
	for bytes > 0 {
		n, err := p.Read(p.buf)
		if err != nil {
			return tooShort(err)
		}
		bytes -= n
	}
	return nil
}

type twoPipes struct {
	ends, senders []*os.File

	mu   sync.Mutex // guards what follows
	more sync.Cond  // the count has reached want, or err is set
	got  int
	want int
	err  error
}

// NewTwoPipes receives by two pipes with a goroutine each, as os/exec does: the
// origin is kept, the order lost.
func NewTwoPipes() (Receiver, error) {
	p := new(twoPipes)
	p.more.L = &p.mu
	for range 2 {
		r, w, err := os.Pipe()
		if err != nil {
			p.Close()
			closeAll(p.senders)
			return nil, err
		}
		p.ends, p.senders = append(p.ends, r), append(p.senders, w)
	}
	for _, r := range p.ends {
		go p.read(r)
	}
	return p, nil
}

// read hands what it reads to the one consumer, under its lock.
func (p *twoPipes) read(r *os.File) {
	buf := make([]byte, bufferSize)
	for {
		n, err := r.Read(buf)
		p.mu.Lock()
		p.got += n
		if err != nil && err != io.EOF {
			p.err = err
		}
		if p.got >= p.want || p.err != nil {
			p.more.Signal()
		}
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (p *twoPipes) Senders() []*os.File { return p.senders }

func (p *twoPipes) Receive(bytes int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.want += bytes
	for p.got < p.want && p.err == nil {
		p.more.Wait()
	}
	return p.err
}

func (p *twoPipes) Close() error {
	closeAll(p.ends)
	return nil
}
