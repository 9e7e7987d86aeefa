//go:build unix && !linux && experimental_unix

package iomux

import (
	"os"
	"time"
)

// hangups cannot be had here: what lies in a sender's queue is not known to go
// with its last copy on every system. So every sender is a suspect, and looked
// at from time to time: io.EOF comes late, and may not come at all.
type hangups struct{}

type hangup struct{}

func (hangup) armed() bool                   { return false }
func (hangup) armedSince(time.Duration) bool { return false }

func newHangups(*poller) hangups           { return hangups{} }
func (hangups) armSelf(*sender, int) error { return nil }
func (hangups) arm(*sender, int) error     { return os.ErrInvalid }
func (hangups) sender(event) *sender       { return nil }
func (hangups) drop(*sender)               {}
func (hangups) close()                     {}
