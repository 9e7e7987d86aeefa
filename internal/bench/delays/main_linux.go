// Delays measures who waits for a reader, and what its waiting costs:
//
//	go run ./internal/bench/delays            # all tables
//	go run ./internal/bench/delays prompt     # TryRead, MakeSender, Close, and the end of a context
//	go run ./internal/bench/delays gaps       # processor time for a message, by the gap before it
//	go run ./internal/bench/delays stops      # how long large messages keep a stop of the world waiting
//
// It prints them as docs/performance.md has them.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"time"
)

// A table is one of those that are printed.
type table struct {
	name  string
	print func() error
}

var tables = []table{{"prompt", prompt}, {"gaps", gaps}, {"stops", stops}}

// roles are what the program is when it runs itself.
var roles = map[string]func(args []string) error{}

// quick is a flag: a tenth of the rounds, for a look.
var quick bool

func main() {
	if len(os.Args) > 2 && os.Args[1] == "-role" {
		check(roles[os.Args[2]](os.Args[3:]))
		return
	}
	flag.BoolVar(&quick, "quick", false, "a tenth of the rounds, for a look; the figures are rough")
	flag.StringVar(&diskDir, "disk", os.TempDir(), "a directory on a disk, for prompt")
	flag.StringVar(&memoryDir, "memory", "/dev/shm", "a directory in memory, for prompt")
	flag.Parse()
	for i, t := range tables {
		if flag.NArg() > 0 && !slices.Contains(flag.Args(), t.name) {
			continue
		}
		if i > 0 && flag.NArg() != 1 {
			fmt.Println()
		}
		check(t.print())
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "delays:", err)
		os.Exit(1)
	}
}

// rounds is n, or less of it with -quick.
func rounds(n int) int {
	if quick {
		return max(n/10, 1)
	}
	return n
}

// quantile returns that of the durations, which it sorts.
func quantile(all []time.Duration, q float64) time.Duration {
	slices.Sort(all)
	return all[int(q*float64(len(all)-1)+0.5)]
}

// micros prints a duration in microseconds.
func micros(d time.Duration) string {
	switch us := float64(d.Nanoseconds()) / 1000; {
	case us < 10:
		return fmt.Sprintf("%.1f", us)
	default:
		return fmt.Sprintf("%.0f", us)
	}
}
