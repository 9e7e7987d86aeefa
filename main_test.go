//go:build linux || (unix && experimental_unix)

package iomux_test

import (
	"testing"

	"github.com/seed-5082a588/iomux/internal/muxtest"
)

func TestMain(m *testing.M) { muxtest.Main(m) }

// The tools of all tests, by short names.
type kind = muxtest.Kind

var (
	children     = muxtest.Children
	childCommand = muxtest.Child
	rounds       = muxtest.Rounds

	forKinds    = muxtest.ForKinds
	watch       = muxtest.Watch
	leakCheck   = muxtest.LeakCheck
	openFiles   = muxtest.OpenFiles
	names       = muxtest.Names
	start       = muxtest.Start
	hold        = muxtest.Hold
	startReady  = muxtest.StartReady
	runCheck    = muxtest.RunCheck
	checkFailed = muxtest.CheckFailed
	muxOf       = muxtest.MuxOf
	initPoller  = muxtest.InitPoller
	shell       = muxtest.Shell

	newSender    = muxtest.NewSender
	send         = muxtest.Send
	wantRead     = muxtest.WantRead
	wantTry      = muxtest.WantTry
	wantNothing  = muxtest.WantNothing
	wantEnd      = muxtest.WantEnd
	waitEnd      = muxtest.WaitEnd
	largestWrite = muxtest.LargestWrite
	readWrite    = muxtest.ReadWrite
	stopped      = muxtest.Stopped
)

const (
	portable     = muxtest.Portable
	raceDetector = muxtest.RaceDetector
)

func inBackground[T any](f func() T) <-chan T { return muxtest.InBackground(f) }

func must[T any](v T, err error) T { return muxtest.Must(v, err) }

func must2[A, B any](a A, b B, err error) (A, B) { return muxtest.Must2(a, b, err) }
