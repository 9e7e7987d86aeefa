//go:build linux || (unix && experimental_unix)

package pipes_test

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
	rounds       = muxtest.Rounds
	forKinds     = muxtest.ForKinds
	watch        = muxtest.Watch
	openFiles    = muxtest.OpenFiles
	checkFailed  = muxtest.CheckFailed
	shell        = muxtest.Shell
	straggler    = muxtest.Straggler
	newSender    = muxtest.NewSender
	send         = muxtest.Send
	wantRead     = muxtest.WantRead
	wantTry      = muxtest.WantTry
	wantNothing  = muxtest.WantNothing
	waitEnd      = muxtest.WaitEnd
	wantPieces   = muxtest.WantPieces
)

func must[T any](v T, err error) T { return muxtest.Must(v, err) }

func must2[A, B any](a A, b B, err error) (A, B) { return muxtest.Must2(a, b, err) }
