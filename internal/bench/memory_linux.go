package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/seed-5082a588/iomux"
	"golang.org/x/sys/unix"
)

// A usage is what a Mux takes of something, in KiB.
type usage struct {
	Name string
	KiB  float64
	Goal float64 // at most, 0 for none
}

// memory measures what Muxes take, in a process that does nothing else.
func memory(options) ([]usage, error) {
	var all []usage
	for _, part := range []func() ([]usage, error){oneMux, manyMuxes} {
		u, err := part()
		if err != nil {
			return nil, err
		}
		all = append(all, u...)
	}
	return all, nil
}

// oneMux measures a Mux by the pages of the mapping that it receives into.
func oneMux() ([]usage, error) {
	m, f, err := reading()
	if err != nil {
		return nil, err
	}
	defer m.Close()
	space, resident := slotMemory()
	all := []usage{
		{"address space of a Mux that has read", space, 128 << 10},
		{"resident, small messages read", resident, 64},
	}
	largest, err := writeLargest(m, f)
	if err != nil {
		return nil, err
	}
	_, resident = slotMemory()
	all = append(all, usage{fmt.Sprintf("resident, %d messages of %d bytes read", largeMessages, largest), resident, 0})
	if err := readSmall(m, f, 200); err != nil {
		return nil, err
	}
	_, resident = slotMemory()
	all = append(all, usage{"resident, 200 batches of small ones later", resident, 64})

	idle, err := idleMux(m, f)
	return append(all, idle), err
}

// idleMux measures m after large messages and some idle waiting, to its end.
func idleMux(m *iomux.Mux, f *os.File) (usage, error) {
	if _, err := writeLargest(m, f); err != nil {
		return usage{}, err
	}
	read := make(chan error)
	go func() {
		_, err := m.Read()
		read <- err
	}()
	time.Sleep(300 * time.Millisecond) // what is measured is what happens then
	_, resident := slotMemory()

	f.Close()
	if err := <-read; err != io.EOF {
		return usage{}, fmt.Errorf("at the end: %w", err)
	}
	return usage{"resident, or 0.3 s of idle waiting later", resident, 64}, nil
}

// reading makes a Mux that has read messages of 64 bytes and of a page.
func reading() (*iomux.Mux, *os.File, error) {
	m, err := iomux.New()
	if err != nil {
		return nil, nil, err
	}
	f, err := m.MakeSender()
	if err == nil {
		err = readSmall(m, f, 20)
	}
	if err != nil {
		m.Close()
		return nil, nil, err
	}
	return m, f, nil
}

// readSmall has full queues of small messages read.
func readSmall(m *iomux.Mux, f *os.File, batches int) error {
	queue := max(queueLength(), 1)
	for i := range batches {
		size := small
		if i%2 == 1 {
			size = page
		}
		for range queue {
			if _, err := f.Write(make([]byte, size)); err != nil {
				return err
			}
		}
		for range queue {
			if _, err := m.Read(); err != nil {
				return err
			}
		}
	}
	return nil
}

const largeMessages = 12

// writeLargest has some of the largest messages read that can be written.
func writeLargest(m *iomux.Mux, f *os.File) (size int, err error) {
	size = largestMessage(m, f)
	if size == 0 {
		return 0, errors.New("no large message can be written")
	}
	for range largeMessages {
		if _, err := f.Write(make([]byte, size)); err != nil {
			return 0, err
		}
		if _, err := m.Read(); err != nil {
			return 0, err
		}
	}
	return size, nil
}

// largestMessage tries the sizes that are the limit here or there.
func largestMessage(m *iomux.Mux, f *os.File) int {
	for _, size := range []int{4_263_616, 425_952, 212_960} {
		if _, err := f.Write(make([]byte, size)); err == nil {
			if _, err := m.Read(); err == nil {
				return size
			}
		}
	}
	return 0
}

const muxes = 1000

// manyMuxes measures the whole process with and without many Muxes. It counts
// what of the runtime's memory they need.
func manyMuxes() ([]usage, error) {
	var limit unix.Rlimit
	const descriptors = 5 * muxes
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < descriptors+100 {
		fmt.Fprintf(os.Stderr, "left out: %d Muxes at once, %d descriptors are allowed\n", muxes, limit.Cur)
		return nil, nil
	}
	debug.FreeOSMemory()
	before := processMemory()
	var all []*iomux.Mux
	var senders []*os.File
	for range muxes {
		m, f, err := reading()
		if err != nil {
			return nil, err
		}
		all, senders = append(all, m), append(senders, f)
	}
	debug.FreeOSMemory()
	each := (processMemory() - before) / muxes
	for i, m := range all {
		senders[i].Close()
		if _, err := m.Read(); err != io.EOF {
			return nil, fmt.Errorf("read the end of Mux %d of %d: %w", i, muxes, err)
		}
		m.Close()
	}
	debug.FreeOSMemory()
	left := processMemory() - before
	return []usage{
		{fmt.Sprintf("of the process, each of %d Muxes that have read small messages", muxes), each, 64},
		{fmt.Sprintf("of the process, after closing these %d, in all", muxes), left, 0},
	}, nil
}

// slotMemory gives size and resident size of the mappings that Muxes receive
// into: those without swap reservation (nr), which the runtime does not make.
func slotMemory() (size, resident float64) {
	text, err := os.ReadFile("/proc/self/smaps")
	check(err)
	var s, r float64
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		switch name {
		case "Size":
			fmt.Sscan(rest, &s)
		case "Rss":
			fmt.Sscan(rest, &r)
		case "VmFlags":
			if strings.Contains(rest, " nr") {
				size += s
				resident += r
			}
		}
	}
	return size, resident
}

// processMemory gives the resident size of this process.
func processMemory() (resident float64) {
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	check(err)
	_, rest, _ := strings.Cut(string(text), "\nRss:")
	fmt.Sscan(rest, &resident)
	return resident
}
