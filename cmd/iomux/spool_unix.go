//go:build unix && !linux && experimental_unix

package main

func newMemory() store { return &blockStore{} }
