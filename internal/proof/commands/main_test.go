//go:build linux || (unix && experimental_unix)

package commands_test

import (
	"testing"

	"github.com/seed-5082a588/iomux/internal/muxtest"
)

func TestMain(m *testing.M) { muxtest.Main(m) }

// The tools of all tests, by short names.
type kind = muxtest.Kind

var (
	hold         = muxtest.Hold
	children     = muxtest.Children
	childCommand = muxtest.Child
	forKinds     = muxtest.ForKinds
	watch        = muxtest.Watch
	leakCheck    = muxtest.LeakCheck
	checkFailed  = muxtest.CheckFailed
	exited       = muxtest.Exited
	wantGone     = muxtest.WantGone
	shell        = muxtest.Shell
	straggler    = muxtest.Straggler
	newSender    = muxtest.NewSender
	send         = muxtest.Send
	wantRead     = muxtest.WantRead
	wantNothing  = muxtest.WantNothing
	wantEnd      = muxtest.WantEnd
	piecesOf     = muxtest.PiecesOf
	wantPieces   = muxtest.WantPieces
	portable     = muxtest.Portable
)

func inBackground[T any](f func() T) <-chan T { return muxtest.InBackground(f) }

func must[T any](v T, err error) T { return muxtest.Must(v, err) }

func must2[A, B any](a A, b B, err error) (A, B) { return muxtest.Must2(a, b, err) }
