package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/bench/contender"
)

var diskDir, memoryDir string // flags

// A way is one of making a Mux.
type way struct {
	name string
	make func() (*iomux.Mux, error)
	bare func() (*contender.BareSenders, error) // the system calls of its MakeSender
}

func ways() []way {
	return []way{
		{"New, in memory", newIn(memoryDir), bareIn(memoryDir)},
		{"New, on a disk", newIn(diskDir), bareIn(diskDir)},
		{"NewAbstract", iomux.NewAbstract, bareIn("")},
		{"NewPipe", iomux.NewPipe, contender.NewBarePipeSenders},
	}
}

func newIn(dir string) func() (*iomux.Mux, error) {
	return func() (*iomux.Mux, error) { return iomux.NewIn(dir) }
}

func bareIn(dir string) func() (*contender.BareSenders, error) {
	return func() (*contender.BareSenders, error) { return contender.NewBareSenders(dir) }
}

func init() {
	roles["spin"] = func([]string) error {
		for !never.Load() {
		}
		return nil
	}
	roles["writer"] = endlessWriter
}

// never is never set.
var never atomic.Bool

// endlessWriter writes 64 bytes to its standard output again and again, with a pause
// of so many microseconds, until that fails.
func endlessWriter(args []string) error {
	pause, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	data := make([]byte, 64)
	for {
		if _, err := unix.Write(1, data); err != nil {
			return nil
		}
		time.Sleep(time.Duration(pause) * time.Microsecond)
	}
}

// self is the command that runs this program in a role.
func self(role string, args ...string) *exec.Cmd {
	exe, err := os.Executable()
	check(err)
	cmd := exec.Command(exe, append([]string{"-role", role}, args...)...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	return cmd
}

// prompt prints how long calls take while another goroutine reads, and every
// processor has a busy loop of another process on it as well.
func prompt() error {
	busy := runtime.NumCPU()
	for range busy {
		cmd := self("spin")
		if err := cmd.Start(); err != nil {
			return err
		}
		defer cmd.Wait()
		defer cmd.Process.Kill()
	}
	fmt.Printf("While another goroutine reads, beside %d busy loops on %d processors, in microseconds, median / 90th percentile / worst:\n\n", busy, runtime.NumCPU())
	fmt.Print("| | the reader | TryRead | MakeSender | its system calls alone | end of a context | Close | and the reader is back |\n|---|---|---|---|---|---|---|---|\n")
	for _, w := range ways() {
		for _, s := range []struct {
			name  string
			pause int
		}{{"waits", -1}, {"gets a message every 0.1 ms", 100}} {
			p := prober{w: w, pause: s.pause, took: make(map[string][]time.Duration)}
			if err := p.measure(); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			fmt.Printf("| %s | %s |", w.name, s.name)
			for _, what := range []string{"TryRead", "MakeSender", "bare", "context", "Close", "back"} {
				t := p.took[what]
				fmt.Printf(" %s / %s / %s |", micros(quantile(t, 0.5)), micros(quantile(t, 0.9)), micros(quantile(t, 1)))
			}
			fmt.Println()
		}
	}
	t, err := pipeContexts()
	if err != nil {
		return err
	}
	fmt.Printf("| an os.Pipe, no Mux | waits | | | | %s / %s / %s | | |\n", micros(quantile(t, 0.5)), micros(quantile(t, 0.9)), micros(quantile(t, 1)))
	return nil
}

// pipeContexts returns how long a goroutine that reads an os.Pipe takes to see the
// end of a context, by way of a deadline: what the runtime and the system take
// for it without a Mux.
func pipeContexts() (took []time.Duration, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	defer w.Close()
	for range rounds(probeMuxes) * probes / probeMuxes {
		ctx, cancel := context.WithCancel(context.Background())
		context.AfterFunc(ctx, func() { r.SetReadDeadline(time.Unix(1, 0)) })
		back := make(chan readEnd, 1)
		go func() {
			_, err := r.Read(make([]byte, 1))
			back <- readEnd{err, time.Now()}
		}()
		rest()
		start := time.Now()
		cancel()
		end := <-back
		if !errors.Is(end.err, os.ErrDeadlineExceeded) {
			return nil, end.err
		}
		took = append(took, end.at.Sub(start))
		r.SetReadDeadline(time.Time{})
	}
	return took, nil
}

// A prober measures the calls of one way.
type prober struct {
	w     way
	pause int // of the writer, in microseconds; less than 0 for no writer
	took  map[string][]time.Duration
}

const (
	probes     = 1000 // of each call
	probeMuxes = 10   // that are made for them; each is closed once
)

func (p *prober) measure() error {
	for range rounds(probeMuxes) {
		if err := p.measureOne(); err != nil {
			return err
		}
	}
	return nil
}

func (p *prober) measureOne() error {
	m, err := p.w.make()
	if err != nil {
		return err
	}
	s, err := m.MakeSender()
	if err != nil {
		return err
	}
	defer s.Close()
	if p.pause >= 0 {
		cmd := self("writer", strconv.Itoa(p.pause))
		cmd.Stdout = s
		if err := cmd.Start(); err != nil {
			return err
		}
		defer cmd.Wait()
	}
	defer m.Close() // before the writer is waited for
	bare, err := p.w.bare()
	if err != nil {
		return err
	}
	defer bare.Close()
	for range probes / probeMuxes {
		if err := p.calls(m, bare); err != nil {
			return err
		}
	}
	return p.close(m)
}

// calls measures each call once, and lets the reader come to rest before.
func (p *prober) calls(m *iomux.Mux, bare *contender.BareSenders) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	back := readUntil(m, ctx)
	rest()
	start := time.Now()
	_, _, err := m.TryRead()
	p.note("TryRead", start, time.Now())
	if err != nil {
		return err
	}
	rest()
	start = time.Now()
	f, err := m.MakeSender()
	p.note("MakeSender", start, time.Now())
	if err != nil {
		return err
	}
	f.Close()
	rest()
	start = time.Now()
	done, err := bare.Make()
	p.note("bare", start, time.Now())
	if err != nil {
		return err
	}
	done()
	rest()
	start = time.Now()
	cancel()
	end := <-back
	p.note("context", start, end.at)
	if !errors.Is(end.err, context.Canceled) {
		return end.err
	}
	return nil
}

func (p *prober) close(m *iomux.Mux) error {
	back := readUntil(m, context.Background())
	rest()
	start := time.Now()
	err := m.Close()
	p.note("Close", start, time.Now())
	if end := <-back; errors.Is(end.err, os.ErrClosed) {
		p.note("back", start, end.at)
	} else if err == nil {
		err = end.err
	}
	return err
}

func (p *prober) note(what string, start, end time.Time) {
	p.took[what] = append(p.took[what], end.Sub(start))
}

// rest is a time in which the reader reads or waits.
func rest() { time.Sleep(time.Millisecond) }

type readEnd struct {
	err error
	at  time.Time
}

// readUntil reads until that fails.
func readUntil(m *iomux.Mux, ctx context.Context) <-chan readEnd {
	back := make(chan readEnd, 1)
	go func() {
		for {
			if _, err := m.ReadContext(ctx); err != nil && err != io.EOF {
				back <- readEnd{err, time.Now()}
				return
			}
		}
	}()
	return back
}
