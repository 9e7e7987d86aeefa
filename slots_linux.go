//go:build !test_portable

package iomux

import (
	"os"
	"strconv"
	"sync"

	"github.com/seed-5082a588/iomux/internal/testhook"
	"golang.org/x/sys/unix"
)

// slotSize is more than the largest message: recvmmsg cuts one that is longer
// than its slot, and what it cuts is gone. With 4 KiB pages the kernel's limit
// for a datagram is a kmalloc of 4 MiB and CONFIG_MAX_SKB_FRAGS pages, 17 by
// default and 45 at most.
const slotSize = 4<<20 + 64*4096

// slotsAreSafe reports whether no datagram is longer than slotSize, and there is
// enough address space.
var slotsAreSafe = strconv.IntSize == 64 && os.Getpagesize() == 4096

// slots is the memory of a batch. It is 51 MiB of address space, whose pages cost
// memory only once they are touched: up to 48 KiB while messages are small.
//
// It is never unmapped, because Data that was kept too long must not fault when it
// is used. The next batch reuses it instead.
type slots struct{ mem []byte }

// freeSlots are those of closed batches. They hold no memory.
var freeSlots struct {
	sync.Mutex
	list []*slots
}

// takeSlots returns slots, or nil if the system refuses them.
func takeSlots() *slots {
	freeSlots.Lock()
	defer freeSlots.Unlock()
	if last := len(freeSlots.list) - 1; last >= 0 && !testhook.NewSlots.Load() {
		s := freeSlots.list[last]
		freeSlots.list = freeSlots.list[:last]
		return s
	}
	mem, err := unix.Mmap(-1, 0, batchSize*slotSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil
	}
	if !refusesLonger(mem) {
		unix.Munmap(mem)
		return nil
	}
	// A huge page for each slot would make 64 bytes cost 2 MiB. Kernels
	// without huge pages refuse this, and do not need it.
	unix.Madvise(mem, unix.MADV_NOHUGEPAGE)
	return &slots{mem}
}

// refusesLonger reports whether the system refuses a datagram that is longer than a
// slot, even to a child that has raised its send buffer. Linux does, whatever the
// buffer, before it copies a byte; gVisor does not.
func refusesLonger(mem []byte) bool {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	// Both: gVisor takes the second and does nothing, and Linux may refuse it.
	unix.SetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_SNDBUF, 2*slotSize)
	unix.SetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 2*slotSize)
	return unix.Sendto(pair[0], mem[:slotSize+1], unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, nil) != nil
}

func (s *slots) slot(i int) *byte { return &s.mem[i*slotSize] }

// giveBack gives the pages back; what is read from them later is zero.
func (s *slots) giveBack() { unix.Madvise(s.mem, unix.MADV_DONTNEED) }

// release gives back the pages and leaves the address space to another batch.
func (s *slots) release() {
	s.giveBack()
	freeSlots.Lock()
	defer freeSlots.Unlock()
	freeSlots.list = append(freeSlots.list, s)
}
