// Package iomux receives what many writers write, in the order in which they
// wrote it, and says which of them wrote what.
//
// A [Mux] is one receive end. It makes any number of senders: plain file
// descriptors, each of which can be the standard output or standard error of a
// child process, or be written to by this process. What is written to them comes
// out of the Mux in order, tagged by sender, and ends with [io.EOF].
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
// [os/exec.Cmd.Run] does, and [Lines] turns pieces into lines. For more than one
// command, make a Mux, start the commands with [Mux.Start], and read until io.EOF.
// [Mux.MakeTaggedSender] makes senders for anything else; close your copy of one
// once the child has its own. The examples of the package are recipes for common
// jobs.
//
// A sender is an [*os.File] because [os/exec.Cmd] passes an *os.File to the child
// as it is. For any other writer os/exec makes a pipe and a goroutine that copies,
// and the order between standard output and standard error is lost.
//
// A start function, of type func(*exec.Cmd) error, decides how a command is
// started. [OutputWith], [RunWith] and [Mux.StartWith] take one. A nil start
// function, and the functions without With, keep the command from making its output
// nonblocking where that costs nothing; [StartBlocking] always does,
// (*exec.Cmd).Start never does, and tty.Terminal.Start of package tty shows the
// command a terminal.
//
// # Guarantees
//
//   - Order: writes that happen one after another come out in that order, whatever
//     senders and processes they come from. Nothing is guaranteed about writes that
//     overlap in time.
//   - Whole: one write is one piece, never cut and never merged. With [NewPipe]
//     this holds up to a page. A write of zero bytes is ignored.
//   - End: io.EOF comes when every copy of every sender is closed, in all
//     processes, and everything written has been read; never before.
//   - Nothing is lost: a slow reader makes the writers wait.
//   - [Mux.ReadContext] returns promptly when its context ends, and loses nothing.
//   - [Mux.TryRead], [Mux.MakeSender] and [Mux.Close] return at once, whatever a
//     reader is doing.
//   - Only the senders of the Mux are heard; see [NewAbstract] for the exception.
//   - Nothing is left behind: no file, even after SIGKILL (where /proc is mounted),
//     and no descriptor, goroutine or memory for a sender that is gone.
//
// # Which Mux
//
// [NewPipe] is for any program; Output and Run use it. [New] is for programs that
// can write to a socket: large writes are fast and stay whole, and come with the
// time of the write and the process that wrote. [NewIn] is New with its private
// directory in another place. [NewAbstract] is for processes that cannot write to
// any directory.
//
// # Limits
//
//   - The order is that in which bytes leave the child. Programs that use the C
//     library hold standard output back in blocks when it is not a terminal, as on
//     any pipe, so their errors overtake it. Package tty gives them a terminal.
//   - With sockets ([New]), Node.js prints nothing and exits with 0 (seen with
//     version 20), opening /dev/stdout or /dev/stderr fails with ENXIO, and a
//     single write that is larger than the kernel's limit for one datagram fails
//     with EMSGSIZE; see [Mux.MakeTaggedSender]. Use NewPipe for such programs.
//   - A child that writes after [Mux.Close] gets an error.
//
// # Other systems
//
// On systems other than Linux the package does not compile: there a write to a full
// queue fails (ENOBUFS) instead of waiting, so output would be lost. Package capture
// compiles everywhere, without the order between the streams. The build tag
// experimental_unix accepts the loss on a UNIX system. Then there is no NewAbstract
// and no NewPipe, PID is 0, Time is the time of the read, io.EOF comes late or never,
// and macOS limits a write to 2,048 bytes. Windows is not supported at all.
package iomux
