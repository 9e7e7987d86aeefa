//go:build linux || (unix && experimental_unix)

package main

const shortUsage = `usage: iomux [flags] [--] command [argument ...]
iomux -h explains the flags.
`

const helpPage = `iomux runs a command and shows its standard output and standard error in the
order in which they were written, each to its own.

usage: iomux [flags] [--] command [argument ...]

What is printed:
  -color WHEN          standard error in red: always, never, or auto (default):
                       on a terminal, unless NO_COLOR is set or TERM is dumb
  -annotate            every line to standard output, as "15:04:05 O: text" or
                       "E: text", with "I: Started" and "I: Finished" around
  -time LAYOUT         annotate with another time: a layout of Go's time package
                       (15:04:05.000), or elapsed, unix, rfc3339
  -pid                 annotate with the process that wrote; implies -socket
  -json                every line as a JSON object: time, stream, text (base64
                       where it is not UTF-8), partial if without newline, pid
                       with -socket; then the exit event
  -quiet               nothing if the command succeeds, else all, at its end

Copies, beside that:
  -stdout-file FILE    of the standard output
  -stderr-file FILE    of the standard error
  -combined-file FILE  of both, in order
  -append              add to these files instead of emptying them first

How it runs:
  -wait DURATION       after the command's end, wait no longer than that (2s, 0)
                       for what its children still write; by default to the end
  -socket              use datagram sockets instead of pipes

By default the command writes to pipes: every program works with them. With
-socket it is faster, each write stays whole, and time and process are the
kernel's; but Node.js prints nothing, and /dev/stderr cannot be opened.

Examples:
  iomux make -j2                       errors in red, at their place
  iomux -annotate -time=elapsed make   how long every step takes
  iomux -quiet -- rsync -av a/ b/      in cron: mail only if it fails
  iomux -combined-file=log ./test 2>/dev/null   everything in the file

Exit code: that of the command; 128+N if signal N has killed it; 125 if iomux
fails itself, or could not write everything; 126 if the command cannot be
executed, 127 if it is not found. SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2
are passed on to the command.
`
