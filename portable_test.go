//go:build test_portable || (unix && !linux && experimental_unix)

package iomux_test

// portable tells that messages are received in the way of other systems.
const portable = true
