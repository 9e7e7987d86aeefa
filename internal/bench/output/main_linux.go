// Output measures how long a command takes whose output is read: by os/exec through
// one plain pipe for both streams, and by package iomux through ordered pipes and
// through sockets. It prints the medians of rounds in which each has its turn, and
// how they compare with the plain pipe:
//
//	go run ./internal/bench/output
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"github.com/seed-5082a588/iomux"
)

// A load is what the command writes, which is this program run again.
type load struct {
	name  string
	write func(n int)
	n     int // for write
}

const bulkWrite = 128 << 10

var loads = []load{
	{"bulk, MB", writeBulk, 100},
	{"lines on one stream", writeLines, 300_000},
	{"lines on both in turn", writeBoth, 300_000},
}

func writeBulk(n int) {
	b := make([]byte, bulkWrite)
	for range n << 20 / bulkWrite {
		write(os.Stdout, b)
	}
}

var line = []byte("a line as long as many are that programs print to tell what they do\n")

func writeLines(n int) {
	for range n {
		write(os.Stdout, line)
	}
}

func writeBoth(n int) {
	for range n / 2 {
		write(os.Stdout, line)
		write(os.Stderr, line)
	}
}

func write(f *os.File, b []byte) {
	if _, err := f.Write(b); err != nil {
		os.Exit(1)
	}
}

// A way is one of reading all output of a command. It returns how many bytes that was.
type way struct {
	name string
	read func(cmd *exec.Cmd) (int64, error)
}

var ways = []way{
	{"plain pipe", readPlain},
	{"ordered pipes", func(cmd *exec.Cmd) (int64, error) { return readMux(iomux.NewPipe, cmd) }},
	{"sockets", func(cmd *exec.Cmd) (int64, error) { return readMux(iomux.New, cmd) }},
}

func readPlain(cmd *exec.Cmd) (int64, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	w.Close()
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, bufio.NewReaderSize(r, 64<<10))
	if waitErr := cmd.Wait(); err == nil {
		err = waitErr
	}
	return n, err
}

func readMux(newMux func() (*iomux.Mux, error), cmd *exec.Cmd) (n int64, err error) {
	m, err := newMux()
	if err != nil {
		return 0, err
	}
	defer m.Close()
	for d, err := range m.Output(cmd) {
		if err != nil {
			return n, err
		}
		n += int64(len(d.Data))
	}
	return n, nil
}

func main() {
	rounds := flag.Int("rounds", 7, "how often each of them runs")
	size := flag.Float64("size", 1, "so many times as much output")
	child := flag.Int("child", -1, "write this load, for the program itself")
	flag.Parse()
	if *child >= 0 {
		n, _ := strconv.Atoi(flag.Arg(0))
		loads[*child].write(n)
		return
	}
	if err := measureAll(*rounds, *size); err != nil {
		fmt.Fprintln(os.Stderr, "output:", err)
		os.Exit(1)
	}
}

func measureAll(rounds int, size float64) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	fmt.Printf("%-24s", "")
	for _, w := range ways {
		fmt.Printf("%24s", w.name)
	}
	fmt.Println()
	for i, l := range loads {
		n := max(int(float64(l.n)*size), 2)
		times, err := measure(rounds, func() *exec.Cmd {
			return exec.Command(self, "-child", strconv.Itoa(i), strconv.Itoa(n))
		})
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		fmt.Printf("%-24s", l.name)
		for j := range ways {
			fmt.Printf("%13.0f ms  %6.2fx", times[j].Seconds()*1000, times[j].Seconds()/times[0].Seconds())
		}
		fmt.Println()
	}
	return nil
}

// measure returns the median time of each way.
func measure(rounds int, command func() *exec.Cmd) ([]time.Duration, error) {
	all := make([][]time.Duration, len(ways))
	var want int64
	for round := range max(rounds, 1) {
		for j := range ways {
			j := (j + round) % len(ways)
			start := time.Now()
			n, err := ways[j].read(command())
			all[j] = append(all[j], time.Since(start))
			if want == 0 {
				want = n
			}
			if err == nil && n != want {
				err = fmt.Errorf("%d bytes, want %d", n, want)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", ways[j].name, err)
			}
		}
	}
	medians := make([]time.Duration, len(ways))
	for j, t := range all {
		slices.Sort(t)
		medians[j] = t[len(t)/2]
	}
	return medians, nil
}
