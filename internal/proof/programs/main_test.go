//go:build linux || (unix && experimental_unix)

package main

import (
	"testing"

	"github.com/seed-5082a588/iomux/internal/muxtest"
)

func TestMain(m *testing.M) { muxtest.Main(m) }
