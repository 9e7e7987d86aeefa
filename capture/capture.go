// Package capture runs commands and yields what they write, on every system on
// which Go can run commands. It is for programs and libraries that are also built
// for systems where package iomux does not compile. It has the part of iomux that
// runs a command, under the same names.
//
// On Linux it is iomux: the two streams of a command come in the order of the
// writes, and [TaggedData] is the type of iomux, so the two packages can be used
// together. On other systems the streams are two pipes, read by two goroutines:
// nothing is lost, and each stream is in order, but the order between the two is
// best effort. [Ordered] reports which it is. Everything else is the same: lines,
// exit errors, contexts, WaitDelay, and what happens when a loop is left early.
//
//	cmd := exec.Command("go", "vet", "./...")
//	for line, err := range capture.Lines(capture.Output(cmd)) {
//		if err != nil {
//			log.Fatal(err) // an *exec.ExitError if the command failed
//		}
//		fmt.Printf("%s: %s", line.Tag, line.Data)
//	}
package capture

import (
	"iter"
	"os/exec"
)

// Stdout and Stderr are the tags of the two streams of a command.
const Stdout, Stderr = "stdout", "stderr"

// Output runs cmd, which must not have been started, and yields everything
// that it writes to its standard output and standard error, tagged [Stdout]
// and [Stderr]; where [Ordered] is true, in the order of the writes. Nothing
// happens before the loop begins, and there can be only one loop for a cmd.
//
// Data is valid until the next iteration. The loop blocks while there is
// nothing to read, until cmd has exited and the output has ended, so a
// process that inherited its output from cmd keeps the loop waiting unless
// cmd.WaitDelay is set. While the loop body runs, cmd may have to wait to
// write more.
//
// At most one error is yielded, as the last value and with no Data: that of
// [exec.Cmd.Start] unchanged, or of [exec.Cmd.Wait] (such as an
// [*exec.ExitError]), or of the system if it cannot make pipes. If cmd is
// nil, or cmd.Stdout or cmd.Stderr is set, the error says so and nothing is
// started.
//
// If cmd.WaitDelay is not zero, it bounds the time from the exit of cmd, or
// from the end of its context, until the end of the output. After that, what
// has already been written is still yielded (on Windows and Plan 9 it may be
// lost), and the error is [exec.ErrWaitDelay] if there was no other.
//
// If the loop is left early, the next write of cmd fails, and Output still
// waits for cmd to exit. Output does not kill cmd; the context of
// [exec.CommandContext] does.
func Output(cmd *exec.Cmd) iter.Seq2[TaggedData, error] { return OutputWith(cmd, nil) }

// OutputWith is [Output] with a start function, which is called instead of
// cmd.Start and must start cmd or return an error. While it runs, cmd.Stdout
// and cmd.Stderr are what cmd is to write to, each an [*os.File]; it must not
// keep them. If start is nil, OutputWith is Output.
func OutputWith(cmd *exec.Cmd, start func(*exec.Cmd) error) iter.Seq2[TaggedData, error] {
	return output(cmd, start)
}

// Run runs cmd as [exec.Cmd.Run] does, except that it writes the output of
// cmd to cmd.Stdout and cmd.Stderr from the calling goroutine, one Write at a
// time; where [Ordered] is true, in the order of the writes. Where it is
// false, an [*os.File] is passed to cmd as it is, as os/exec does. Run blocks
// until cmd has exited and the output has ended, and while a writer blocks,
// which holds up both streams.
//
// Stdout, Stderr, Stdin, WaitDelay, Cancel and the context mean what they
// mean in os/exec: a stream whose writer is nil is discarded, and if both are
// the same writer, it gets both streams, in the order of the writes on every
// system. The errors are those of os/exec, too: that of [exec.Cmd.Start], an
// [*exec.ExitError], the first error of a writer if cmd succeeded
// ([io.ErrShortWrite] if it wrote less than it was given),
// [exec.ErrWaitDelay]. If cmd is nil, the error says so.
func Run(cmd *exec.Cmd) error { return RunWith(cmd, nil) }

// RunWith is [Run] with a start function; see [OutputWith]. While the start
// function runs, a stream that is discarded is nil, and where [Ordered] is
// false, an [*os.File] that was set is still there.
func RunWith(cmd *exec.Cmd, start func(*exec.Cmd) error) error { return run(cmd, start) }

// Lines regroups the pieces of seq into lines, separately for each tag, each
// with its newline; Time and PID are those of its first byte. At the end of
// seq Lines yields unfinished lines, the oldest first, then the error of seq
// if there was one. No byte is lost, changed or yielded twice.
//
// Lines keeps copies of the unfinished lines and nothing else, so its memory
// is not bounded if a line is not; see [LimitLines]. Data is valid until the
// next iteration. The loop blocks only on seq, and can be repeated if seq
// can. seq must not be nil.
func Lines(seq iter.Seq2[TaggedData, error]) iter.Seq2[TaggedData, error] { return regroup(seq) }

// LimitLines is [Lines] with a limit: a line longer than max bytes is yielded
// in parts, of which the last ends with the newline, so that LimitLines keeps
// at most max bytes for each tag that has an unfinished line. It panics if
// max is not positive.
func LimitLines(seq iter.Seq2[TaggedData, error], max int) iter.Seq2[TaggedData, error] {
	return limit(seq, max)
}
