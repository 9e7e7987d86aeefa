//go:build linux

// Supervisor runs services, prints each line of their output after the name of the
// service, and stops all of them at Ctrl-C or when one fails.
//
//	go run ./examples/supervisor                               a demonstration
//	go run ./examples/supervisor 'web=./web -port 80' 'db=./db'
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/seed-5082a588/iomux"
)

const grace = 2 * time.Second // from the request to stop until a service is killed

// demo are services that end by themselves.
var demo = []string{
	"web=echo listening; echo no favicon >&2",
	"db=echo recovering; sleep 0.2; echo ready",
	"tail=trap 'echo stopping; exit 0' TERM; echo waiting; while :; do sleep 0.05; done",
	"oneshot=sleep 0.5; echo disk full >&2; exit 1", // ends the others
}

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	services := os.Args[1:]
	if len(services) == 0 {
		services = demo
	}
	if err := supervise(ctx, services); err != nil && len(os.Args) > 1 {
		log.Fatal(err)
	}
}

func supervise(ctx context.Context, services []string) error {
	m, err := iomux.NewPipe()
	if err != nil {
		return err
	}
	defer m.Close()
	reports, err := m.MakeTaggedSender("supervisor")
	if err != nil {
		return err
	}
	ctx, stopServices := context.WithCancelCause(ctx)
	defer stopServices(nil)
	reading, stopReading := context.WithCancel(context.Background())
	defer stopReading()

	var running sync.WaitGroup
	for _, s := range services {
		name, script, _ := strings.Cut(s, "=")
		running.Add(1)
		go func() {
			defer running.Done()
			err := run(ctx, m, name, script)
			fmt.Fprintf(reports, "%s has ended: %v\n", name, err)
			if err != nil {
				stopServices(fmt.Errorf("%s: %w", name, err))
			}
		}()
	}
	go func() {
		running.Wait()
		reports.Close()
		time.AfterFunc(grace, stopReading) // for what a service has left behind
	}()
	if err := show(m, reading); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// run runs a service to its end.
func run(ctx context.Context, m *iomux.Mux, name, script string) error {
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = grace
	if err := m.Start(cmd, name, name); err != nil {
		return err
	}
	return cmd.Wait()
}

// show shows the lines until all output has ended, or ctx.
func show(m *iomux.Mux, ctx context.Context) error {
	for line, err := range iomux.LimitLines(m.All(ctx), 64<<10) {
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Printf("%-10s | %s\n", line.Tag, strings.TrimSuffix(string(line.Data), "\n"))
	}
	return nil
}
