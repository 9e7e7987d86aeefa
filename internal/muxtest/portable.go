//go:build test_portable || (unix && !linux && experimental_unix)

package muxtest

// Portable reports whether messages are received in the way of other systems.
const Portable = true
