package commands_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
)

func init() { children["calls"] = makeCalls }

var starts = []struct {
	name  string
	start func(*exec.Cmd) error
}{
	{"plain", (*exec.Cmd).Start},
	{"guard", iomux.StartBlocking},
}

// What the guard costs the start of a command.
func BenchmarkGuardedStart(b *testing.B) {
	for _, s := range starts {
		b.Run(s.name, func(b *testing.B) {
			for b.Loop() {
				cmd := exec.Command("true")
				if err := errors.Join(s.start(cmd), cmd.Wait()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// makeCalls makes system calls of one kind, and prints how many nanoseconds one
// takes, in the fastest of some batches.
func makeCalls(args []string) int {
	const batches, calls = 50, 20000
	call := func() { unix.Getppid() } // the filter has no rule for it
	if args[0] == "fcntl" {           // it has some, none of which holds
		call = func() { unix.FcntlInt(0, unix.F_GETFL, 0) }
	}
	best := time.Duration(math.MaxInt64)
	for range batches {
		start := time.Now()
		for range calls {
			call()
		}
		best = min(best, time.Since(start))
	}
	fmt.Print(float64(best.Nanoseconds()) / calls)
	return 0
}

// What it costs a system call of the command, for which it has a rule or not.
func BenchmarkGuardedCall(b *testing.B) {
	for _, call := range []string{"getppid", "fcntl"} {
		for _, s := range starts {
			b.Run(call+"/"+s.name, func(b *testing.B) {
				best := math.Inf(1)
				for b.Loop() {
					var out strings.Builder
					cmd := childCommand("calls", call)
					cmd.Stdout = &out
					if err := errors.Join(s.start(cmd), cmd.Wait()); err != nil {
						b.Fatal(err)
					}
					best = min(best, must(strconv.ParseFloat(out.String(), 64)))
				}
				b.ReportMetric(best, "ns/call")
			})
		}
	}
}

// What it costs make -j2 with 100 short recipes.
func BenchmarkGuardedMake(b *testing.B) {
	if _, err := exec.LookPath("make"); err != nil {
		b.Skip(err)
	}
	const makefile = "all: $(shell seq 100)\n%:\n\t@echo $@ | tr 0-9 a-j >/dev/null\n"
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Makefile"), []byte(makefile), 0o644); err != nil {
		b.Fatal(err)
	}
	for _, s := range starts {
		b.Run(s.name, func(b *testing.B) {
			for b.Loop() {
				var said strings.Builder
				cmd := exec.Command("make", "-j2")
				cmd.Dir, cmd.Stderr = dir, &said
				if err := errors.Join(s.start(cmd), cmd.Wait()); err != nil {
					b.Fatal(err, said.String())
				}
			}
		})
	}
}
