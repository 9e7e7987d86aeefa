// Testrunner runs scripts as tests, several at a time. It prints one line for each
// test, and if a test fails, also its output, with the stream of each line. It kills
// a test that writes nothing for too long.
//
//	go run ./examples/testrunner                   a demonstration
//	go run ./examples/testrunner a_test.sh b_test.sh
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/seed-5082a588/iomux/capture"
)

const (
	atOnce  = 4
	silence = 10 * time.Second
	longest = 64 << 10 // bytes at the end of a test's output that are kept
)

// demo is run without arguments; one of the tests fails, as it should.
var demo = []test{
	{name: "sum", script: "echo 1+1; echo 2"},
	{name: "order", script: "echo want 3; echo got 4 >&2; echo giving up; exit 1"},
	{name: "quiet", script: ":"},
}

type test struct{ name, script string }

// A result is what became of a test.
type result struct {
	log  string
	err  error
	took time.Duration
}

func main() {
	tests := demo
	for i, file := range os.Args[1:] {
		if i == 0 {
			tests = nil
		}
		tests = append(tests, test{file, ". " + quoted(file)})
	}
	if failed := runAll(tests); failed > 0 && len(os.Args) > 1 {
		os.Exit(1)
	}
}

// quoted is a path as a shell takes it; one without a slash would be looked up.
func quoted(file string) string {
	if !strings.Contains(file, "/") {
		file = "./" + file
	}
	return "'" + strings.ReplaceAll(file, "'", `'\''`) + "'"
}

// runAll runs the tests and shows them in their order.
func runAll(tests []test) (failed int) {
	results := make([]result, len(tests))
	slots := make(chan struct{}, atOnce)
	var running sync.WaitGroup
	for i, t := range tests {
		running.Add(1)
		go func() {
			defer running.Done()
			slots <- struct{}{}
			results[i] = run(t)
			<-slots
		}()
	}
	running.Wait()
	for i, r := range results {
		word := "ok  "
		if r.err != nil {
			word = "FAIL"
			failed++
		}
		fmt.Printf("%s %s (%v)\n", word, tests[i].name, r.took.Round(time.Millisecond))
		if r.err != nil {
			fmt.Printf("%s     %v\n", r.log, r.err)
		}
	}
	fmt.Printf("%d of %d tests failed\n", failed, len(tests))
	return failed
}

// run runs a test.
func run(t test) (r result) {
	begin := time.Now()
	defer func() { r.took = time.Since(begin) }()
	ctx, kill := context.WithCancelCause(context.Background())
	defer kill(nil)
	hung := time.AfterFunc(silence, func() { kill(fmt.Errorf("nothing written for %v", silence)) })
	defer hung.Stop()
	cmd := exec.CommandContext(ctx, "sh", "-c", t.script)
	cmd.WaitDelay = time.Second
	for line, err := range capture.LimitLines(capture.Output(cmd), longest) {
		if err != nil {
			r.err = errors.Join(context.Cause(ctx), err)
			break
		}
		hung.Reset(silence)
		r.log += fmt.Sprintf("     %s: %s\n", line.Tag, strings.TrimSuffix(string(line.Data), "\n"))
		r.log = r.log[max(0, len(r.log)-longest):]
	}
	return r
}
