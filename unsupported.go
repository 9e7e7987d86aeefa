//go:build !linux && !(unix && experimental_unix)

package iomux

// On other systems the kernel does not make a writer wait for a full queue, so a
// child would lose output. A constant of the wrong type puts a whole sentence into
// the compiler's message.
const _ int = "iomux supports Linux only: on other systems a full queue fails a child's write (ENOBUFS) instead of making it wait, so output is lost. To accept that on a UNIX system, build with -tags experimental_unix"
