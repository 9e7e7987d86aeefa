//go:build !test_portable

package iomux

import "golang.org/x/sys/unix"

// UnmapFreeSlots has the next batch ask the system for its slots. No Data of a
// closed Mux may be held.
func UnmapFreeSlots() {
	freeSlots.Lock()
	defer freeSlots.Unlock()
	for _, s := range freeSlots.list {
		unix.Munmap(s.mem)
	}
	freeSlots.list = nil
}

// SlotsSize is how much memory the slots of a batch are.
const SlotsSize = batchSize * slotSize
