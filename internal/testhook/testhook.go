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

// What the Muxes that are made from now on tell the runtime of their receives.
var Receives atomic.Int32

const (
	TellLong  = iota // of those that may take long, as always
	TellNone         // of none
	TellEvery        // of each
)

// NeverLook has each Mux that is made while it is set wait without looking first.
var NeverLook atomic.Bool
