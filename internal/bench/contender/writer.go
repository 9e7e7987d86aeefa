//go:build linux || (unix && experimental_unix)

package contender

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// answerSize is the size of an answer, in bytes.
const answerSize = 64

// A Load is what a child writes.
type Load struct {
	Writes  int           // how many, after the first one
	Size    int           // of each, in bytes
	Senders int           // written to in turn
	Answer  bool          // wait on the standard input for an answer to each
	Pause   time.Duration // between two writes
}

// Args gives the arguments from which [Write] makes l again.
func (l Load) Args() []string {
	return []string{
		fmt.Sprint("-writes=", l.Writes), fmt.Sprint("-size=", l.Size), fmt.Sprint("-senders=", l.Senders),
		fmt.Sprint("-answer=", l.Answer), fmt.Sprint("-pause=", l.Pause),
	}
}

// Flags defines the flags of a load in f.
func (l *Load) Flags(f *flag.FlagSet) {
	f.IntVar(&l.Writes, "writes", 1, "how many writes")
	f.IntVar(&l.Size, "size", 64, "bytes of a write")
	f.IntVar(&l.Senders, "senders", 1, "how many senders to write to, in turn")
	f.BoolVar(&l.Answer, "answer", false, "wait for an answer to each write")
	f.DurationVar(&l.Pause, "pause", 0, "between two writes")
}

// AnswerSize is how many bytes the answer to a write has, 0 if there is none.
func (l Load) AnswerSize() int {
	if l.Answer {
		return answerSize
	}
	return 0
}

// WriterEnv is what the environment of a writer needs: it waits in system calls
// that the runtime knows nothing of, and is not to be interrupted for that.
const WriterEnv = "GODEBUG=asyncpreemptoff=1"

// Write is the child: it writes once, waits for one byte on its standard input,
// then writes the load. It gives its exit code: 0, or the number of the error.
func Write(args []string) int {
	var l Load
	f := flag.NewFlagSet("writer", flag.ContinueOnError)
	l.Flags(f)
	if err := f.Parse(args); err != nil {
		return int(unix.EINVAL)
	}
	err := l.write()
	if err == nil {
		return 0
	}
	var errno unix.Errno
	if errors.As(err, &errno) {
		return int(errno)
	}
	return int(unix.EIO)
}

func (l Load) write() error {
	data := append(bytes.Repeat([]byte{'x'}, l.Size-1), '\n')
	if err := writeAll(descriptor(0), data); err != nil {
		return err
	}
	answer := make([]byte, answerSize)
	if err := readAll(0, answer[:1]); err != nil {
		return err
	}
	for i := range l.Writes {
		if err := writeAll(descriptor(i%l.Senders), data); err != nil {
			return err
		}
		if l.Answer {
			if err := readAll(0, answer); err != nil {
				return err
			}
		}
		if l.Pause > 0 {
			time.Sleep(l.Pause)
		}
	}
	return nil
}

// descriptor gives the descriptor of sender i in the child: the standard output
// and error first, then as os/exec numbers the ExtraFiles.
func descriptor(i int) int { return 1 + i }

func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := write(fd, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func readAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Read(fd, b)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case n == 0:
			return io.ErrUnexpectedEOF
		default:
			b = b[n:]
		}
	}
	return nil
}
