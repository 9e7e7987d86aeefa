// Package testhook lets tests outside package iomux choose what the library
// otherwise finds out about the system.
package testhook

import "sync/atomic"

// SingleMessages has each Mux that is made while it is set receive one message
// at a time, as where it is not safe to receive several.
var SingleMessages atomic.Bool
