// Package iomux receives what many writers write, in the order in which they
// wrote it, and tells who wrote what.
//
// A [Mux] is one receive end. It makes any number of senders: plain file
// descriptors, each of which can be the standard output or standard error of a
// child process, or be written to here. What is written to any of them comes out
// of the Mux in order and tagged by its sender, and it ends with [io.EOF].
//
// Mostly one loop is all that is needed:
//
//	cmd := exec.Command("sh", "-c", "echo compiling; echo careful >&2; echo done")
//	for line, err := range iomux.Lines(iomux.Output(cmd)) {
//		if err != nil {
//			log.Fatal(err) // an *exec.ExitError if the command failed
//		}
//		fmt.Printf("%s: %s", line.Tag, line.Data)
//	}
//
// [Output] runs a command, [Mux.Output] runs one on a Mux that is there already,
// and [Lines] makes lines of the pieces. For everything else make a Mux, hand out
// its senders, close the copies that are held here, and read until io.EOF. The
// examples of the package are recipes for common jobs.
//
// A sender is an [*os.File] because [os/exec.Cmd] hands that to the child as it
// is. For any other writer it makes a pipe and a goroutine that copies, and the
// order between standard output and standard error is lost.
//
// # What is promised
//
//   - Order: writes that happen one after another come out in that order,
//     whichever senders and processes they come from. Nothing is promised between
//     writes that overlap in time.
//   - Whole: one write is one piece, never cut and never merged. With [NewPipe]
//     that is so up to a page. A write of no bytes is nothing.
//   - End: io.EOF comes when every copy of every sender is closed, in all
//     processes, and all that was written has been read; not before.
//   - Nothing is lost: a slow reader makes the writers wait.
//   - [Mux.ReadContext] returns promptly when its context ends, and loses nothing.
//   - Only the senders of the Mux are heard; see [NewAbstract] for its exception.
//   - Nothing stays behind: no file, also after SIGKILL (where /proc is mounted),
//     and no descriptor, goroutine or memory for a sender that is gone.
//
// # Which Mux
//
// [New] is right for most: fast, with the time of each write and the process that
// wrote. [NewIn] is the same with the private directory elsewhere. [NewAbstract]
// is for processes that may not write to any directory. [NewPipe] is for children
// that cannot live with a socket as their output, as below; any program works
// with it.
//
// # Limits
//
//   - The order is that in which the bytes leave the child. Programs that use
//     the C library keep standard output back in blocks when it is no terminal,
//     here as on a pipe, so their errors overtake it. stdbuf -oL changes that for
//     many, PYTHONUNBUFFERED=1 for Python.
//   - Node.js prints nothing to a datagram socket and exits with 0 (seen with
//     version 20). Use NewPipe.
//   - Opening /dev/stdout or /dev/stderr fails with ENXIO on any socket. Let the
//     child write to the descriptor that it has (>&2), or use NewPipe.
//   - A single write that is larger than the kernel takes for one datagram fails
//     with EMSGSIZE, see [Mux.MakeTaggedSender]. Use NewPipe.
//   - A child that writes after [Mux.Close] gets an error.
//
// # Other systems
//
// Elsewhere than on Linux the package does not compile, because a full queue does
// not make a writer wait there but fails its write (ENOBUFS), so output is lost.
// The build tag experimental_unix accepts that on a UNIX system. There is no
// NewAbstract and no NewPipe then, no PID, Time is the time of the read, io.EOF
// comes late or never, and macOS limits a write to 2,048 bytes. Windows is not
// supported at all.
package iomux
