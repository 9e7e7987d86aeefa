//go:build !race

package muxtest

// RaceDetector reports whether the race detector watches.
const RaceDetector = false
