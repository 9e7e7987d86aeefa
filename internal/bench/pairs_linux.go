package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/seed-5082a588/iomux/internal/bench/contender"
)

// A pair is two tasks, and how they are compared.
type pair struct {
	name string
	a, b task
	kind kind
	goal float64 // for the ratio: at least this for rate, at most for all else; 0 for none
	cpu  float64 // for the ratio of processor time, at most
	once bool    // the length of the queue does not matter
}

type kind string

const (
	rate kind = "rate" // of a, of that of b
	took kind = "time" // of a, of that of b
	idle kind = "idle" // of a core that a uses
)

// A row is what came out of a pair in one queue.
type row struct {
	Name        string
	Kind        kind
	Goal, Goal2 float64
	Queue       int
	A, B        string
	ATime       float64 // ns of time, median, for each write
	BTime       float64
	ACPU, BCPU  float64 // ns of processor time
	Ratio       spread  // of rate, time or of a core, as the kind says
	CPU         spread  // ratio of processor time
}

// A spread is the median of the rounds, and the quarters around it.
type spread struct{ Low, Mid, High float64 }

func spreadOf(v []float64) spread {
	v = slices.Sorted(slices.Values(v))
	at := func(q float64) float64 { return v[int(q*float64(len(v)-1)+0.5)] }
	return spread{at(0.25), at(0.5), at(0.75)}
}

const (
	small, page, large = 64, 4 << 10, 64 << 10
	manySenders        = 2000
)

// writes is how often to write so many bytes, for a run of 0.1 to 0.2 s.
func (o options) writes(size int) int {
	n := max(min(60_000, 512<<20/size), 100)
	if o.Quick {
		n = max(n/10, 20)
	}
	return n
}

// stream is a task of writing at full speed to two senders.
func (o options) stream(how string, size int) task {
	return task{how: how, load: contender.Load{Writes: o.writes(size), Size: size, Senders: 2}}
}

func (o options) pingPong(how string) task {
	return task{how: how, load: contender.Load{Writes: o.writes(small) / 10, Size: small, Senders: 1, Answer: true}}
}

func (o options) setup(how string) task {
	n := 400
	if o.Quick {
		n = 50
	}
	return task{how: how, load: contender.Load{Writes: n}}
}

// slow is a child that writes 100 lines a second.
func (o options) slow(how string) task {
	n := 200
	if o.Quick {
		n = 50
	}
	return task{how: how, load: contender.Load{Writes: n, Size: small, Senders: 2, Pause: 10 * time.Millisecond}}
}

func (o options) pairs() (all []pair) {
	if o.Against != "" {
		return o.pairsAgainst()
	}
	for _, size := range []int{small, page, large} {
		all = append(all, pair{name: fmt.Sprint(sizeName(size), " against C"), a: o.stream("New", size), b: o.stream(cLoop, size), kind: rate, goal: 0.97, cpu: 1.1})
	}
	watched, nested := o.stream(cLoop, small), o.stream(cLoop, small)
	watched.watchers, nested.watchers = 1, 2
	many, open := o.stream("New", small), o.stream("New", small)
	many.load.Senders = manySenders
	open.open = manySenders - open.load.Senders
	all = append(all,
		pair{name: "64 B against peek + receive", a: o.stream("New", small), b: o.stream("peek", small), kind: rate, goal: 1.15},
		pair{name: "2,000 open senders against 2", a: open, b: o.stream("New", small), kind: rate, goal: 0.9},
		pair{name: "2,000 busy senders against 2", a: many, b: o.stream("New", small), kind: rate},
		pair{name: "ping-pong", a: o.pingPong("New"), b: o.pingPong("shared pipe"), kind: took, goal: 1.3},
		pair{name: "ping-pong against C", a: o.pingPong("New"), b: o.pingPong(cLoop), kind: took, goal: 1.1},
		pair{name: "ping-pong in C", a: o.pingPong(cLoop), b: o.pingPong("shared pipe"), kind: took},
		pair{name: "set-up, New", a: o.setup("set up New"), b: o.setup("bare New calls"), kind: took, goal: 1.5, once: true},
		pair{name: "set-up, NewAbstract", a: o.setup("set up NewAbstract"), b: o.setup("bare abstract calls"), kind: took, goal: 1.5, once: true},
		pair{name: "set-up, NewPipe", a: o.setup("set up NewPipe"), b: o.setup("bare pipe calls"), kind: took, goal: 1.5, once: true},
	)
	for _, size := range []int{small, page, large} {
		all = append(all, pair{name: fmt.Sprint(sizeName(size), ", NewPipe against always polling"), a: o.stream("NewPipe", size), b: o.stream("poll 200", size), kind: rate, goal: 0.8, once: true})
	}
	return append(all,
		pair{name: "ping-pong, NewPipe", a: o.pingPong("NewPipe"), b: o.pingPong("shared pipe"), kind: took, once: true},
		pair{name: "64 B in C, watched by an epoll instance", a: watched, b: o.stream(cLoop, small), kind: rate},
		pair{name: "64 B in C, watched by one in another", a: nested, b: o.stream(cLoop, small), kind: rate},
		pair{name: "64 B against one os.Pipe (tags lost)", a: o.stream("New", small), b: o.stream("shared pipe", small), kind: rate},
		pair{name: "64 B against two os.Pipe (order lost)", a: o.stream("New", small), b: o.stream("two pipes", small), kind: rate},
		pair{name: "a line every 10 ms, New", a: o.slow("New"), b: o.slow("shared pipe"), kind: idle, goal: 0.01, once: true},
		pair{name: "a line every 10 ms, NewPipe", a: o.slow("NewPipe"), b: o.slow("shared pipe"), kind: idle, goal: 0.01, once: true},
	)
}

// pairsAgainst compares this build with the other one.
func (o options) pairsAgainst() (all []pair) {
	var tasks []task
	for _, how := range []string{"New", "NewPipe"} {
		for _, size := range []int{small, page, large} {
			tasks = append(tasks, o.stream(how, size))
		}
		tasks = append(tasks, o.pingPong(how), o.setup("set up "+how), o.slow(how))
	}
	for _, t := range tasks {
		other, name, kind := t, t.how, rate
		other.other = true
		switch {
		case t.load.Size == 0:
			kind = took
		case t.load.Answer:
			name, kind = name+" ping-pong", took
		case t.load.Pause > 0:
			name, kind = name+" a line every 10 ms", idle
		default:
			name += " " + sizeName(t.load.Size)
		}
		all = append(all, pair{name: name, a: t, b: other, kind: kind, once: t.how != "New"})
	}
	return all
}

func sizeName(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprint(n>>20, " MiB")
	case n >= 1<<10:
		return fmt.Sprint(n>>10, " KiB")
	}
	return fmt.Sprint(n, " B")
}

// rows measures all pairs in the queue that is there.
func rows(o options) ([]row, error) {
	if err := o.setQueue(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	r := &runner{other: o.Against}
	loop, loopErr := buildLoop(dir)
	r.cLoop = loop

	only := regexp.MustCompile(o.Only)
	var all []*measured
	for _, p := range o.pairs() {
		switch {
		case !only.MatchString(p.name), p.once && o.Queue != 0 && o.Queue != queues[0]:
		case (p.a.how == cLoop || p.b.how == cLoop) && loopErr != nil:
			fmt.Fprintf(os.Stderr, "left out: %s: %v\n", p.name, loopErr)
		default:
			all = append(all, &measured{pair: p})
		}
	}
	for round := range o.Rounds {
		fmt.Fprintf(os.Stderr, "\rqueue %d, round %d of %d ", queueLength(), round+1, o.Rounds)
		for _, m := range all {
			if err := m.measure(r, round%2 == 1); err != nil {
				return nil, err
			}
		}
	}
	fmt.Fprintln(os.Stderr)
	var result []row
	for _, m := range all {
		result = append(result, m.row())
	}
	return result, nil
}

// measured is a pair with the results of its rounds.
type measured struct {
	pair
	as, bs []contender.Result
}

// measure runs the pair once, b before a if swapped.
func (m *measured) measure(r *runner, swapped bool) error {
	tasks, results := []task{m.a, m.b}, []*[]contender.Result{&m.as, &m.bs}
	if swapped {
		slices.Reverse(tasks)
		slices.Reverse(results)
	}
	for i, t := range tasks {
		res, err := r.run(t)
		if err != nil {
			return err
		}
		*results[i] = append(*results[i], res)
	}
	return nil
}

func (m *measured) row() row {
	var ratio, cpu, times [2][]float64
	for i, a := range m.as {
		b := m.bs[i]
		at, bt, ac, bc := float64(a.Elapsed), float64(b.Elapsed), float64(a.CPU), float64(b.CPU)
		times[0], times[1] = append(times[0], at), append(times[1], bt)
		cpu[0], cpu[1] = append(cpu[0], ac), append(cpu[1], bc)
		ratio[1] = append(ratio[1], ac/bc)
		switch m.kind {
		case rate:
			ratio[0] = append(ratio[0], bt/at)
		case took:
			ratio[0] = append(ratio[0], at/bt)
		case idle:
			ratio[0] = append(ratio[0], ac/at)
		}
	}
	mid := func(v []float64) float64 { return spreadOf(v).Mid }
	return row{
		Name: m.name, Kind: m.kind, Goal: m.goal, Goal2: m.cpu, Queue: queueLength(), A: m.a.how, B: m.b.how,
		ATime: mid(times[0]), BTime: mid(times[1]), ACPU: mid(cpu[0]), BCPU: mid(cpu[1]),
		Ratio: spreadOf(ratio[0]), CPU: spreadOf(ratio[1]),
	}
}
