// Bench measures iomux against what its speed is judged by, in pairs, and prints
// one table:
//
//	go run ./internal/bench
//
// A pair is two programs that do the same, run one after the other with the same
// writer, again and again; what counts is the median of the ratios, as the speed
// of a machine changes while they run. The pairs are: a bare loop of recvmmsg in C
// (left out where there is no C compiler), peek + receive, 2,000 senders against
// 2, plain pipes, polling pipes, and the bare system calls of a set-up. As root
// it does so with queues of 10 and of 512 messages, in a network namespace of its
// own; else with the queue that is there.
//
//	-docs docs      writes table and chart into that directory
//	-against FILE   compares with another build of this program instead
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"

	"github.com/seed-5082a588/iomux/internal/bench/contender"
)

// options are what the user may choose.
type options struct {
	Rounds  int
	Quick   bool
	Only    string
	Against string
	Queue   int // max_dgram_qlen of the namespace this runs in, 0 for what is there
	docs    string
}

func main() {
	if len(os.Args) > 1 {
		if part, ok := parts[os.Args[1]]; ok {
			check(part(os.Args[2:]))
			return
		}
	}
	var o options
	flag.IntVar(&o.Rounds, "rounds", 21, "how often each pair runs")
	flag.BoolVar(&o.Quick, "quick", false, "a tenth of the writes, for a look; the figures are rough")
	flag.StringVar(&o.Only, "only", "", "only the pairs whose name matches this regular expression, and no memory")
	flag.StringVar(&o.Against, "against", "", "compare with this other build of the program")
	flag.StringVar(&o.docs, "docs", "", "write table and chart into performance.md and performance.svg of this directory")
	flag.Parse()
	if flag.NArg() > 0 || o.Rounds < 1 {
		flag.Usage()
		os.Exit(2)
	}
	_, err := regexp.Compile(o.Only)
	check(err)
	check(run(o))
}

// parts are what the program does when it runs itself.
var parts = map[string]func(args []string) error{
	"writer": func(args []string) error { os.Exit(contender.Write(args)); return nil },
	"one":    one,
	"memory": printed(memory),
	"rows":   printed(rows),
	"sweep":  printed(sweep),
}

// printed makes a part that prints what f gives, for the parent to read.
func printed[T any](f func(o options) (T, error)) func([]string) error {
	return func(args []string) error {
		var o options
		if err := json.Unmarshal([]byte(args[0]), &o); err != nil {
			return err
		}
		v, err := f(o)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(v)
	}
}

// run measures everything and prints it.
func run(o options) error {
	var r report
	if err := r.measure(o); err != nil {
		return err
	}
	fmt.Print(r.markdown())
	if o.docs == "" {
		return nil
	}
	return r.write(o.docs)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
