package main

import (
	"fmt"
	"os"

	"github.com/seed-5082a588/iomux"
)

// A point is one dot of the chart.
type point struct {
	Panel, Series string
	X, Y          float64
}

// The panels of the chart.
const (
	byteRate   = "MB/s by message size (bytes)"
	messageCPU = "receiver CPU per message (ns) by message size"
	bySenders  = "messages/s by senders, 64 bytes"
	byQueue    = "messages/s by max_dgram_qlen, 64 bytes"
)

// sweepQueues are the lengths of the queue in the chart.
var sweepQueues = []int{10, 1, 3, 30, 100, 512}

// A probe is a task that gives dots.
type probe struct {
	task   task
	points func(ns, cpu float64) []point
}

// sweep measures the dots of the chart in the queue that is there: all that do
// not depend on it, if it is the first one.
func sweep(o options) ([]point, error) {
	if err := o.setQueue(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	loop, err := buildLoop(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "left out:", err)
	}
	probes := o.queueProbes(loop != "")
	if o.Queue == 0 || o.Queue == sweepQueues[0] {
		probes = append(probes, o.sizeProbes(loop != "")...)
	}
	return o.take(probes, &runner{cLoop: loop})
}

// take measures every probe, again and again, and gives the dots of the medians.
func (o options) take(probes []probe, r *runner) (all []point, err error) {
	times, cpus := make([][]float64, len(probes)), make([][]float64, len(probes))
	rounds := max(o.Rounds/4, 1)
	for round := range rounds {
		fmt.Fprintf(os.Stderr, "\rchart, queue %d, round %d of %d ", queueLength(), round+1, rounds)
		for i, p := range probes {
			res, err := r.run(p.task)
			if err != nil {
				return nil, err
			}
			times[i], cpus[i] = append(times[i], float64(res.Elapsed)), append(cpus[i], float64(res.CPU))
		}
	}
	fmt.Fprintln(os.Stderr)
	for i, p := range probes {
		all = append(all, p.points(spreadOf(times[i]).Mid, spreadOf(cpus[i]).Mid)...)
	}
	return all, nil
}

func (o options) sizeProbes(withC bool) (all []probe) {
	largest := largestHere()
	for _, how := range []string{"New", "NewPipe", cLoop, "peek", "shared pipe"} {
		for size := small; size <= 4<<20; size *= 4 {
			datagram := how != "NewPipe" && how != "shared pipe"
			if how == cLoop && (!withC || size > 256<<10) || datagram && size > largest {
				continue
			}
			all = append(all, probe{o.stream(how, size), func(ns, cpu float64) []point {
				return []point{
					{byteRate, how, float64(size), float64(size) * 1e3 / ns},
					{messageCPU, how, float64(size), cpu},
				}
			}})
		}
	}
	return all
}

// largestHere is the largest message that a sender can write here.
func largestHere() int {
	m, err := iomux.New()
	check(err)
	defer m.Close()
	f, err := m.MakeSender()
	check(err)
	defer f.Close()
	return largestMessage(m, f)
}

func (o options) queueProbes(withC bool) (all []probe) {
	for _, how := range []string{"New", cLoop} {
		if how == cLoop && !withC {
			continue
		}
		all = append(all, probe{o.stream(how, small), func(ns, _ float64) []point {
			return []point{{byQueue, how, float64(queueLength()), 1e9 / ns}}
		}})
	}
	if q := queueLength(); q == 10 || q == 512 || o.Queue == 0 {
		for _, n := range []int{2, 20, 200, manySenders} {
			t := o.stream("New", small)
			t.load.Senders = n
			all = append(all, probe{t, func(ns, _ float64) []point {
				return []point{{bySenders, fmt.Sprint("New, queue ", q), float64(n), 1e9 / ns}}
			}})
		}
	}
	return all
}
