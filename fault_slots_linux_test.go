//go:build (amd64 || arm64) && !test_portable

package iomux_test

import "github.com/seed-5082a588/iomux"

func init() { unmapFreeSlots, slotsSize = iomux.UnmapFreeSlots, iomux.SlotsSize }
