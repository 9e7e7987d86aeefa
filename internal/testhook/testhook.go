// Package testhook lets tests outside package iomux choose what the library
// otherwise finds out about the system.
package testhook

import "sync/atomic"

var (
	// SingleMessages has each Mux that is made while it is set receive one
	// message at a time, as where it is not safe to receive several.
	SingleMessages atomic.Bool

	// NewSlots has a Mux ask the system for the memory that it receives
	// messages in, although there is some that closed ones have left.
	NewSlots atomic.Bool
)
