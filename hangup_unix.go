//go:build unix && !linux && experimental_unix

package iomux

import (
	"os"
	"time"
)

// A hangup cannot be had here: what lies in a sender's queue is not known to go
// with its last copy on every system. So every sender is unwatched, and looked at
// from time to time: io.EOF comes late, and may not come at all.
type hangup struct{}

func (hangup) armed() bool                   { return false }
func (hangup) armedSince(time.Duration) bool { return false }
func (hangup) close()                        {}

func (d *datagrams) armSelf(*sender, int) error { return nil }
func (d *datagrams) arm(*sender) error          { return os.ErrInvalid }
func (d *datagrams) disarm(*sender)             {}
