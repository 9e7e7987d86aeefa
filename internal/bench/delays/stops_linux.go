package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/testhook"
)

const (
	burst  = 11 // messages, which the shortest queue takes
	bursts = 60 // of each size and way

	// stopping is how long those had to wait who stopped the world for something else
	// than a collection.
	stopping = "/sched/pauses/stopping/other:seconds"
)

func init() { roles["burst"] = burstWriter }

// burstWriter writes a burst of messages of so many bytes for each byte that it
// reads, and an answer when all are written. It has a sender for each message: the
// send buffer of one takes one of the largest.
func burstWriter(args []string) error {
	size, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	data := make([]byte, size)
	order := make([]byte, 1)
	for {
		if _, err := os.Stdin.Read(order); err != nil {
			return nil
		}
		for i := range burst {
			if _, err := unix.Write(3+i, data); err != nil {
				return err
			}
		}
		if _, err := os.Stdout.Write(order); err != nil {
			return err
		}
	}
}

// stops prints how long a stop of the world had to wait for bursts of large messages.
func stops() error {
	fmt.Printf("How long a stop of the world took to begin, at worst in each of %d bursts of %d messages after 20 ms of nothing, in microseconds, median / 90th percentile / worst:\n\n", rounds(bursts), burst)
	fmt.Print("| size of a message | the runtime is told of no receive | of those that may be long | of each |\n|---|---|---|---|\n")
	for _, size := range []int{64 << 10, 1 << 20, 4 << 20} {
		var all [3][]time.Duration
		if err := stopsOf(size, &all); err != nil {
			fmt.Printf("| %d KiB | %v | | |\n", size>>10, err)
			continue
		}
		fmt.Printf("| %d KiB |", size>>10)
		for _, how := range []int{testhook.TellNone, testhook.TellLong, testhook.TellEvery} {
			t := all[how]
			fmt.Printf(" %s / %s / %s |", micros(quantile(t, 0.5)), micros(quantile(t, 0.9)), micros(quantile(t, 1)))
		}
		fmt.Println()
	}
	return nil
}

// stopsOf measures one size, the three ways in turn.
func stopsOf(size int, all *[3][]time.Duration) error {
	var b [3]*burster
	for how := range b {
		testhook.Receives.Store(int32(how))
		var err error
		b[how], err = newBurster(size)
		testhook.Receives.Store(testhook.TellLong)
		if err != nil {
			return err
		}
		defer b[how].close()
	}
	for range rounds(bursts) {
		for how := range b {
			worst, err := b[how].worstStop()
			if err != nil {
				return err
			}
			all[how] = append(all[how], worst)
		}
	}
	return nil
}

// A burster is a Mux and a child that writes to it.
type burster struct {
	size   int
	m      *iomux.Mux
	order  io.WriteCloser
	answer io.Reader
	wait   func() error
}

func newBurster(size int) (*burster, error) {
	m, err := iomux.NewAbstract()
	if err != nil {
		return nil, err
	}
	cmd := self("burst", strconv.Itoa(size))
	for range burst {
		s, err := m.MakeSender()
		if err != nil {
			m.Close()
			return nil, err
		}
		defer s.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, s)
	}
	room, err := unix.GetsockoptInt(int(cmd.ExtraFiles[0].Fd()), unix.SOL_SOCKET, unix.SO_SNDBUF)
	if err != nil || room < size+32 {
		m.Close()
		return nil, fmt.Errorf("too large here: see net.core.wmem_max")
	}
	b := &burster{size: size, m: m, wait: cmd.Wait}
	if b.order, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if b.answer, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	return b, cmd.Start()
}

func (b *burster) close() {
	b.m.Close()
	b.order.Close()
	b.wait()
}

// worstStop reads a burst that waits in the queue, and has the world stopped again
// and again meanwhile.
func (b *burster) worstStop() (time.Duration, error) {
	time.Sleep(20 * time.Millisecond)
	if _, err := b.order.Write(make([]byte, 1)); err != nil {
		return 0, err
	}
	if _, err := b.answer.Read(make([]byte, 1)); err != nil {
		return 0, err
	}
	before := stopHistogram()
	begun, done, stopped := make(chan bool), make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		close(begun)
		for {
			select {
			case <-done:
				return
			default:
				runtime.ReadMemStats(&stats) // stops the world
			}
		}
	}()
	<-begun
	var err error
	for n := 0; n < burst*b.size && err == nil; {
		var d iomux.TaggedData
		d, err = b.m.Read()
		n += len(d.Data)
	}
	close(done)
	<-stopped
	return worstSince(before, stopHistogram()), err
}

func stopHistogram() *metrics.Float64Histogram {
	sample := []metrics.Sample{{Name: stopping}}
	metrics.Read(sample)
	return sample[0].Value.Float64Histogram()
}

// worstSince returns the upper end of the last bucket that has more than before.
func worstSince(before, now *metrics.Float64Histogram) time.Duration {
	for i := len(now.Counts) - 1; i >= 0; i-- {
		if now.Counts[i] > before.Counts[i] {
			end := now.Buckets[i+1]
			if math.IsInf(end, 1) {
				end = now.Buckets[i]
			}
			return time.Duration(end * float64(time.Second))
		}
	}
	return 0
}
