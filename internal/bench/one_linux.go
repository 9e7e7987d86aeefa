package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/bench/contender"
)

// A task is what one process measures.
type task struct {
	how  string // a name of receivers or setups, or cLoop
	load contender.Load
	open int // senders open besides those written to

	watchers int // of the socket of the C loop

	other bool // by the other build of this program
}

// cLoop is the task that the program in C does.
const cLoop = "C loop"

// receivers are ways to receive from so many senders.
var receivers = map[string]func(senders int) (contender.Receiver, error){
	"New":         func(n int) (contender.Receiver, error) { return receiver(iomux.New, n) },
	"NewPipe":     func(n int) (contender.Receiver, error) { return receiver(iomux.NewPipe, n) },
	"peek":        contender.NewPeek,
	"shared pipe": func(int) (contender.Receiver, error) { return contender.NewSharedPipe() },
	"two pipes":   func(int) (contender.Receiver, error) { return contender.NewTwoPipes() },
	"poll 200":    func(int) (contender.Receiver, error) { return contender.NewPollPipes(200) },
}

func receiver(make func() (*iomux.Mux, error), senders int) (contender.Receiver, error) {
	m, err := make()
	if err != nil {
		return nil, err
	}
	return contender.NewMux(m, senders)
}

// setups make a Mux with two senders and close all, or do the same barely.
var setups = map[string]func() error{
	"set up New":          func() error { return setup(iomux.New) },
	"set up NewAbstract":  func() error { return setup(iomux.NewAbstract) },
	"set up NewPipe":      func() error { return setup(iomux.NewPipe) },
	"bare New calls":      func() error { return contender.BareDirectory(os.TempDir()) },
	"bare abstract calls": contender.BareAbstract,
	"bare pipe calls":     contender.BarePipes,
}

func setup(make func() (*iomux.Mux, error)) error {
	m, err := make()
	if err != nil {
		return err
	}
	for _, tag := range []string{iomux.Stdout, iomux.Stderr} {
		f, err := m.MakeTaggedSender(tag)
		if err != nil {
			return err
		}
		defer f.Close()
	}
	return m.Close()
}

// one does one task and prints nanoseconds of time and of processor time.
func one(args []string) error {
	var l contender.Load
	f := flag.NewFlagSet("one", flag.ExitOnError)
	how := f.String("how", "", "receiver or setup")
	open := f.Int("open", 0, "senders open besides")
	l.Flags(f)
	f.Parse(args)

	measure := measureReceiver
	if setups[*how] != nil {
		measure = measureSetup
	}
	res, err := measure(*how, l, *open)
	if err != nil {
		return err
	}
	fmt.Println(res.Elapsed.Nanoseconds(), res.CPU.Nanoseconds())
	return nil
}

func measureReceiver(how string, l contender.Load, open int) (contender.Result, error) {
	// As in most programs: a thread of the runtime sleeps in its poller, ready to
	// be woken for nothing.
	defer time.AfterFunc(time.Hour, func() {}).Stop()
	r, err := receivers[how](l.Senders + open)
	if err != nil {
		return contender.Result{}, err
	}
	defer r.Close()
	run, err := contender.Start(r, writer(l), l)
	if err != nil {
		return contender.Result{}, err
	}
	res, err := run.Receive()
	if err != nil {
		return res, err
	}
	return res, run.Wait()
}

// measureSetup does it as often as the load has writes, and some times before
// to be warm.
func measureSetup(how string, l contender.Load, _ int) (contender.Result, error) {
	for range l.Writes / 10 {
		if err := setups[how](); err != nil {
			return contender.Result{}, err
		}
	}
	start, cpu := time.Now(), contender.CPU()
	for range l.Writes {
		if err := setups[how](); err != nil {
			return contender.Result{}, err
		}
	}
	return contender.Result{Elapsed: time.Since(start), CPU: contender.CPU() - cpu}, nil
}

// writer is this program as the writer of l.
func writer(l contender.Load) *exec.Cmd {
	cmd := exec.Command(self(), append([]string{"writer"}, l.Args()...)...)
	cmd.Env = append(os.Environ(), contender.WriterEnv)
	return cmd
}

func self() string {
	name, err := os.Executable()
	check(err)
	return name
}

// A runner runs tasks in processes of their own.
type runner struct {
	cLoop string // the program in C
	other string // the other build of this program
}

// taskLimit is far more than a task needs: one that hangs is an error.
const taskLimit = time.Minute

// run gives what a task cost, for each write.
func (r *runner) run(t task) (contender.Result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), taskLimit)
	defer cancel()
	cmd := r.command(ctx, t)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return contender.Result{}, fmt.Errorf("%s, %d bytes: %w", t.how, t.load.Size, err)
	}
	var elapsed, cpu int64
	if _, err := fmt.Sscan(string(out), &elapsed, &cpu); err != nil {
		return contender.Result{}, fmt.Errorf("%s: output %q: %w", t.how, out, err)
	}
	n := time.Duration(t.load.Writes)
	return contender.Result{Elapsed: time.Duration(elapsed) / n, CPU: time.Duration(cpu) / n}, nil
}

func (r *runner) command(ctx context.Context, t task) *exec.Cmd {
	if t.how == cLoop {
		w := writer(t.load)
		cmd := exec.CommandContext(ctx, r.cLoop, append([]string{fmt.Sprint(t.load.Writes), fmt.Sprint(t.load.AnswerSize()), fmt.Sprint(t.watchers)}, w.Args...)...)
		cmd.Env = w.Env
		return cmd
	}
	program := self()
	if t.other {
		program = r.other
	}
	args := append([]string{"one", "-how=" + t.how, fmt.Sprint("-open=", t.open)}, t.load.Args()...)
	return exec.CommandContext(ctx, program, args...)
}
