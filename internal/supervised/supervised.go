// Package supervised counts the terminals of package tty that are in use, so that
// a program can wait before it exits for the last processes to be gone. Whoever
// exits earlier leaves its helper process to be reaped by init, and not every
// container has one that does.
package supervised

import (
	"sync"
	"sync/atomic"
	"time"
)

var (
	running sync.WaitGroup
	used    atomic.Bool // there has been one
)

func Add() {
	used.Store(true)
	running.Add(1)
}

func Done() { running.Done() }

// Wait waits until no terminal is in use, at most for the limit.
func Wait(limit time.Duration) {
	if !used.Load() {
		return
	}
	over := make(chan struct{})
	go func() {
		running.Wait()
		close(over)
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-over:
	case <-timer.C:
	}
}
