//go:build unix && !linux && experimental_unix

package main

import "os"

// There are no terminals of package tty here.
func catchStops() chan os.Signal   { return nil }
func stopLast(chan os.Signal, int) {}
