//go:build unix && !linux && experimental_unix

package main

import "os"

// ignoreAsBefore does nothing here: only SIGHUP and SIGINT, which os/signal cares
// for, stay ignored.
func ignoreAsBefore(chan os.Signal) {}
