//go:build race

package iomux_test

const raceDetector = true
