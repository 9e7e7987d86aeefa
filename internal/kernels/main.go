//go:build unix

// Kernels runs the tests of the library on other kernels than this machine's,
// and prints one table:
//
//	go run ./internal/kernels
//
// They are run on those whose parts are here; of the others the table says what
// is missing. It needs no rights and no network.
//
//	uml           linux.uml (Debian: user-mode-linux)
//	qemu-x86-64   qemu-system-x86_64, and kernels vmlinuz-x86-64-NAME in the -images directory
//	qemu-arm64    qemu-system-aarch64, and vmlinuz-arm64-NAME
//	qemu-ppc64le  qemu-system-ppc64, and vmlinuz-ppc64le-NAME
//	gvisor        runsc, built by CGO_ENABLED=0 go install gvisor.dev/gvisor/runsc@VERSION
//	              with a VERSION of its branch "go"
//
// All need a static busybox (Debian: busybox-static): the one of this machine, or
// busybox-GOARCH in the -images directory. The kernels need, built in: a serial console, an initial file system from
// memory, devtmpfs and tmpfs. Those of distributions have all that.
//
// It exits with 1 if a test failed anywhere, and shows the output of that kernel.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// options are what the user may choose.
type options struct {
	kernels  string
	images   string
	accel    string
	run      string
	skip     string
	short    bool
	stress   float64
	tags     string
	packages string
	timeout  time.Duration
	verbose  bool
}

func main() {
	var o options
	flag.StringVar(&o.kernels, "kernel", "all", "the kernels, with commas between them")
	flag.StringVar(&o.images, "images", "images", "the directory with kernels for qemu")
	flag.StringVar(&o.accel, "accel", "tcg", "how qemu is to run: tcg, or kvm where it can")
	flag.StringVar(&o.run, "run", "", "only the tests whose name matches this regular expression")
	flag.StringVar(&o.skip, "skip", "", "not the tests whose name matches this regular expression")
	flag.BoolVar(&o.short, "short", false, "a quarter of the rounds")
	flag.Float64Var(&o.stress, "stress", 0, "so many times the rounds, and if more than 1 the time limits of tests")
	flag.StringVar(&o.tags, "tags", "", "build tags, such as test_portable")
	flag.StringVar(&o.packages, "packages", ". ./internal/proof/...", "whose tests to run, with spaces between them")
	flag.DurationVar(&o.timeout, "timeout", 10*time.Minute, "how long each kernel may take")
	flag.BoolVar(&o.verbose, "v", false, "show all output as it comes")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	passed, err := run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "kernels:", err)
	}
	if err != nil || !passed {
		os.Exit(1)
	}
}

// run runs the tests on all kernels that o names. It reports whether all passed.
func run(o options) (passed bool, err error) {
	machines, err := find(o)
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "iomux-kernels-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	parts := newParts(dir, o)
	passed = true
	var results []result
	for _, m := range machines {
		r := m.test(parts, o)
		if !r.passed() && r.skipped == "" {
			passed = false
			fmt.Printf("--- %s failed: %v\n%s\n", m.name, r.err, strings.TrimSpace(string(r.output)))
		}
		results = append(results, r)
	}
	fmt.Print(table(results))
	return passed, nil
}
