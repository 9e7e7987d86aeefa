// Package iomux reads what is written to any number of senders, in the order in
// which it was written, tagged by sender.
package iomux
