//go:build !linux || capture_fallback

package capture

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"sync/atomic"
	"time"

	"github.com/seed-5082a588/iomux/internal/lines"
)

// Ordered reports whether the output of a command comes in the order of the
// writes to its two streams: it does on Linux, and not on other systems.
const Ordered = false

// TaggedData is one piece of what a command wrote: on Linux the type of package
// iomux, on other systems one with the same fields.
type TaggedData struct {
	// Tag is [Stdout] or [Stderr].
	Tag string

	// Data is what was written. It has at least one byte, except in the value
	// that accompanies an error. It is valid until the next iteration of the
	// loop.
	Data []byte

	// Time is when the piece was read.
	Time time.Time

	// PID is 0: the process that wrote is not known.
	PID int
}

func regroup(seq iter.Seq2[TaggedData, error]) iter.Seq2[TaggedData, error] { return lines.Of(seq) }

func limit(seq iter.Seq2[TaggedData, error], max int) iter.Seq2[TaggedData, error] {
	return lines.Limit(seq, max)
}

func output(cmd *exec.Cmd, start func(*exec.Cmd) error) iter.Seq2[TaggedData, error] {
	return func(yield func(TaggedData, error) bool) {
		switch {
		case cmd == nil:
			yield(TaggedData{}, errors.New("capture: Output of a nil Cmd"))
			return
		case cmd.Stdout != nil || cmd.Stderr != nil:
			yield(TaggedData{}, errors.New("capture: Output: Stdout or Stderr of the Cmd is already set"))
			return
		}
		c := newCommand(cmd)
		defer c.leave()
		if err := c.start(start, true, true, false); err != nil {
			yield(TaggedData{}, err)
			return
		}
		for p, ok := c.next(); ok; p, ok = c.next() {
			if !yield(TaggedData{Tag: p.from.tag, Data: p.data, Time: p.at}, nil) {
				return
			}
		}
		if err := c.wait(); err != nil {
			yield(TaggedData{}, err)
		}
	}
}

func run(cmd *exec.Cmd, start func(*exec.Cmd) error) error {
	if cmd == nil {
		return errors.New("capture: Run of a nil Cmd")
	}
	stdout, stderr := cmd.Stdout, cmd.Stderr
	writers := map[string]io.Writer{Stdout: stdout, Stderr: stderr}
	both := copied(stdout) && same(stdout, stderr)
	c := newCommand(cmd)
	defer c.leave()
	if err := c.start(start, copied(stdout), copied(stderr), both); err != nil {
		return err
	}
	for p, ok := c.next(); ok; p, ok = c.next() {
		n, err := writers[p.from.tag].Write(p.data)
		if err == nil && n != len(p.data) {
			err = io.ErrShortWrite
		}
		if err != nil {
			c.note(err)
			p.from.r.Close() // cmd cannot write there any more
		}
	}
	return c.wait()
}

// copied reports whether what cmd writes to w has to be copied: a file is handed to
// cmd as it is.
func copied(w io.Writer) bool {
	_, file := w.(*os.File)
	return w != nil && !file
}

// same reports whether a and b are the same writer. Those of a type that cannot be
// compared are not.
func same(a, b io.Writer) (equal bool) {
	defer func() {
		if recover() != nil {
			equal = false
		}
	}()
	return a == b
}

// A command is a command whose output comes from pipes.
type command struct {
	cmd     *exec.Cmd
	streams []*stream
	open    int           // how many streams have not ended
	last    *stream       // waits until its piece is not needed any more
	err     error         // the first of a writer or a read
	late    bool          // WaitDelay was over before a stream had ended
	pieces  chan piece    // from the streams
	left    chan struct{} // closed when nobody receives pieces any more
	exited  chan error    // what Wait returned
	killed  time.Time     // when the command's context ended, if it did
	expired atomic.Bool   // WaitDelay is over
	over    bool
}

// A stream is the read end of a pipe that a command writes to.
type stream struct {
	c     *command
	tag   string
	r     *os.File
	taken chan struct{} // receives when the piece that was sent last is not needed any more
}

// A piece is what a stream has read, or its end.
type piece struct {
	from *stream
	data []byte // empty at the end
	at   time.Time
	err  error // at the end
}

func newCommand(cmd *exec.Cmd) *command {
	return &command{cmd: cmd, pieces: make(chan piece), left: make(chan struct{}), exited: make(chan error, 1), over: true}
}

// start starts the command with pipes for the streams that are wanted, or with one
// for both of them. It leaves cmd.Stdout and cmd.Stderr as they were.
func (c *command) start(start func(*exec.Cmd) error, stdout, stderr, both bool) (err error) {
	if start == nil {
		start = (*exec.Cmd).Start
	}
	cmd := c.cmd
	outWriter, errWriter := cmd.Stdout, cmd.Stderr
	defer func() { cmd.Stdout, cmd.Stderr = outWriter, errWriter }()
	defer func() {
		if err != nil {
			c.closeStreams()
		}
	}()
	if stdout {
		w, err := c.pipe(Stdout)
		if err != nil {
			return err
		}
		defer w.Close()
		cmd.Stdout = w
	}
	switch {
	case both:
		cmd.Stderr = cmd.Stdout
	case stderr:
		w, err := c.pipe(Stderr)
		if err != nil {
			return err
		}
		defer w.Close()
		cmd.Stderr = w
	}
	c.noteCancel()
	if err := start(cmd); err != nil {
		return err
	}
	c.over = false
	c.open = len(c.streams)
	for _, s := range c.streams {
		go s.read()
	}
	go c.watch()
	return nil
}

// pipe makes a stream, and returns its write end.
func (c *command) pipe(tag string) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("capture: make pipe: %w", err)
	}
	c.streams = append(c.streams, &stream{c: c, tag: tag, r: r, taken: make(chan struct{})})
	return w, nil
}

func (c *command) closeStreams() {
	for _, s := range c.streams {
		s.r.Close()
	}
}

// noteCancel has the end of the command's context noted. Wait synchronizes with
// the goroutine of os/exec that calls Cancel.
func (c *command) noteCancel() {
	if cancel := c.cmd.Cancel; cancel != nil && c.cmd.WaitDelay != 0 {
		c.cmd.Cancel = func() error {
			c.killed = time.Now()
			return cancel()
		}
	}
}

// watch waits for the command to exit, then ends the streams when WaitDelay is over.
func (c *command) watch() {
	err := c.cmd.Wait()
	delay := c.cmd.WaitDelay
	if delay > 0 && !c.killed.IsZero() {
		delay -= time.Since(c.killed)
	}
	c.exited <- err
	if c.cmd.WaitDelay == 0 {
		return
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-c.left:
	case <-timer.C:
		c.expired.Store(true)
		for _, s := range c.streams {
			if s.r.SetReadDeadline(time.Unix(1, 0)) != nil {
				s.r.Close() // this system's pipes have no deadlines
			}
		}
	}
}

// next returns the next piece, and false when all streams have ended.
func (c *command) next() (piece, bool) {
	if c.last != nil {
		c.last.taken <- struct{}{}
		c.last = nil
	}
	for c.open > 0 {
		p := <-c.pieces
		if len(p.data) > 0 {
			c.last = p.from
			return p, true
		}
		c.open--
		c.ended(p.err)
	}
	return piece{}, false
}

// ended notes how a stream has ended.
func (c *command) ended(err error) {
	switch {
	case err == io.EOF:
	case errors.Is(err, os.ErrDeadlineExceeded), c.expired.Load():
		c.late = true
	case errors.Is(err, os.ErrClosed): // after the error of a writer
	default:
		c.note(err)
	}
}

func (c *command) note(err error) {
	if c.err == nil {
		c.err = err
	}
}

// wait waits for the command to exit, and returns the error of the whole.
func (c *command) wait() error {
	err := <-c.exited
	c.over = true
	close(c.left)
	switch {
	case err != nil && !(errors.Is(err, exec.ErrWaitDelay) && c.err != nil):
		return err
	case c.err != nil:
		return c.err
	case c.late:
		return exec.ErrWaitDelay
	}
	return nil
}

// leave has the next write of the command fail, and waits for its exit, if nobody
// has waited for it.
func (c *command) leave() {
	if c.over {
		return
	}
	close(c.left)
	c.closeStreams()
	<-c.exited
}

// read sends what can be read, piece by piece, then the end.
func (s *stream) read() {
	defer s.r.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := s.r.Read(buf)
		if n > 0 && !s.send(buf[:n]) {
			return
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = s.drain(buf)
		}
		if err != nil {
			s.end(err)
			return
		}
	}
}

// pipeSize is more than a pipe holds, unless a privileged process has made it larger.
const pipeSize = 1 << 20

// drain sends what lies in the pipe when WaitDelay is over, and no more than could
// lie there: a writer may never stop.
func (s *stream) drain(buf []byte) error {
	s.r.SetReadDeadline(time.Time{})
	for sent := 0; sent < pipeSize; {
		n, err := readNow(s.r, buf)
		if n > 0 && !s.send(buf[:n]) {
			return os.ErrClosed
		}
		if err != nil {
			return err
		}
		sent += n
	}
	return os.ErrDeadlineExceeded
}

// send sends a piece, and waits until it is not needed any more. It reports whether
// to go on.
func (s *stream) send(data []byte) bool {
	select {
	case s.c.pieces <- piece{from: s, data: data, at: time.Now()}:
	case <-s.c.left:
		return false
	}
	select {
	case <-s.taken:
		return true
	case <-s.c.left:
		return false
	}
}

func (s *stream) end(err error) {
	select {
	case s.c.pieces <- piece{from: s, err: err}:
	case <-s.c.left:
	}
}
