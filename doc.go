// Package iomux receives what many writers write, in the order in which they
// wrote it, and says who wrote what.
//
// A [Mux] is one receive end. It makes any number of senders: plain file
// descriptors, each of which can be the standard output or standard error of a
// child process, or be written to here. What is written to any of them comes out
// of the Mux in order and tagged by its sender, and it ends with [io.EOF].
//
// For most programs one loop is enough:
//
//	cmd := exec.Command("sh", "-c", "echo compiling; echo careful >&2; echo done")
//	for line, err := range iomux.Lines(iomux.Output(cmd)) {
//		if err != nil {
//			log.Fatal(err) // an *exec.ExitError if the command failed
//		}
//		fmt.Printf("%s: %s", line.Tag, line.Data)
//	}
//
// [Output] runs a command and yields what it writes, [Run] runs one as
// [os/exec.Cmd.Run] does, and [Lines] makes lines of the pieces. For more than one
// command make a Mux, start the commands with [Mux.Start], and read until io.EOF. For
// senders of your own, [Mux.MakeTaggedSender] makes them; close your copy once a
// child has its own. The examples of the package are recipes for common jobs.
//
// A sender is an [*os.File] because [os/exec.Cmd] hands that to the child as it
// is. For any other writer it makes a pipe and a goroutine that copies, and the
// order between standard output and standard error is lost.
//
// How a command is started is a function of type func(*exec.Cmd) error, which
// [OutputWith], [RunWith] and [Mux.StartWith] take. nil, and the functions without
// With, keep the command from making its output nonblocking where that costs
// nothing; [StartBlocking] does so always, (*exec.Cmd).Start never, and
// tty.Terminal.Start of package tty shows the command a terminal.
//
// # Guarantees
//
//   - Order: writes that happen one after another come out in that order,
//     whichever senders and processes they come from. Nothing is guaranteed between
//     writes that overlap in time.
//   - Whole: one write is one piece, never cut and never merged. With [NewPipe]
//     that holds up to a page. A write of no bytes is nothing.
//   - End: io.EOF comes when every copy of every sender is closed, in all
//     processes, and everything written has been read; not before.
//   - Nothing is lost: a slow reader makes the writers wait.
//   - [Mux.ReadContext] returns promptly when its context ends, and loses nothing.
//   - Nobody waits for a reader: [Mux.TryRead], [Mux.MakeSender] and [Mux.Close]
//     return at once whatever a reader does.
//   - Only the senders of the Mux are heard; see [NewAbstract] for its exception.
//   - Nothing stays behind: no file, even after SIGKILL (where /proc is mounted),
//     and no descriptor, goroutine or memory for a sender that is gone.
//
// # Which Mux
//
// [NewPipe] is for any program; Output and Run use it. [New] is for programs that
// can write to a socket: large writes are fast and stay whole, with the time of
// each write and the process that wrote. [NewIn] is New with the private directory
// elsewhere. [NewAbstract] is for processes that may not write to any directory.
//
// # Limits
//
//   - The order is that in which the bytes leave the child. Programs that use
//     the C library hold standard output back in blocks when it is no terminal,
//     as on a pipe, so their errors overtake it. Package tty gives them a terminal.
//   - With sockets ([New]): Node.js prints nothing and exits with 0 (seen with
//     version 20); opening /dev/stdout or /dev/stderr fails with ENXIO; and a
//     single write larger than the kernel takes for one datagram fails with
//     EMSGSIZE, see [Mux.MakeTaggedSender]. Use NewPipe for these.
//   - A child that writes after [Mux.Close] gets an error.
//
// # Other systems
//
// On systems other than Linux the package does not compile, because a full queue
// does not make a writer wait there but fails its write (ENOBUFS), so output is
// lost. Package capture compiles everywhere, without the order between the streams.
// The build tag experimental_unix accepts the loss on a UNIX system. There is no
// NewAbstract and no NewPipe then, no PID, Time is the time of the read, io.EOF
// comes late or never, and macOS limits a write to 2,048 bytes. Windows is not
// supported at all.
package iomux
