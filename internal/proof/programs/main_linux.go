// Programs runs real programs, those of its table that are installed, on plain
// pipes and on each kind of Mux, and compares what comes out: the bytes of each
// stream, their order, and the exit code.
//
//	go run ./internal/proof/programs              # print what differs from a plain pipe
//	go run ./internal/proof/programs -write docs  # write docs/programs.md
//
// It exits with 1 if a kind breaks a promise. The same table is a test, which runs
// each program on one of the kinds, and on all of them with IOMUX_STRESS=2.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

func main() {
	var (
		match = flag.String("run", "", "only the programs whose name matches this regular expression")
		times = flag.Int("n", 3, "how often to run each program on each kind")
		write = flag.String("write", "", "write programs.md into this `directory`")
	)
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	kept, err := run(*match, *times, *write)
	if err != nil {
		fmt.Fprintln(os.Stderr, "programs:", err)
	}
	if err != nil || !kept {
		os.Exit(1)
	}
}

// run runs the table. It reports whether all kinds kept their promises.
func run(match string, times int, write string) (kept bool, err error) {
	wanted, err := regexp.Compile(match)
	if err != nil {
		return false, err
	}
	kept = true
	var rows []row
	for _, p := range table() {
		if !wanted.MatchString(p.name) {
			continue
		}
		r := p.run(times, kinds)
		rows = append(rows, r)
		fmt.Println(r)
		for _, broken := range r.broken() {
			kept = false
			fmt.Println("    BROKEN:", broken)
		}
	}
	var spoken []answer
	for _, l := range languages {
		if wanted.MatchString(l.name) {
			a := l.ask()
			spoken = append(spoken, a)
			fmt.Println(a)
		}
	}
	if write == "" {
		return kept, nil
	}
	return kept, os.WriteFile(filepath.Join(write, "programs.md"), page(rows, spoken), 0o644)
}
