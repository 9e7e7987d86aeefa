//go:build unix

package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A result is what came of one machine.
type result struct {
	name              string
	skipped           string // why it was not run
	release, arch     string
	page              int
	ok, failed, skips int // tests
	exit              int
	ended             bool // exit is known
	took              time.Duration
	err               error
	output            []byte
}

// passed reports whether the tests were run, all of them, and none failed. An
// output without a test proves nothing.
func (r result) passed() bool {
	return r.ended && r.exit == 0 && r.failed == 0 && r.ok > 0 && r.err == nil
}

// A marker begins what the testing package says with -test.v=test2json, so that
// it can be told from what others write to the console, in the same line too.
const marker = "\x16"

var (
	outcome = regexp.MustCompile(`^--- (PASS|FAIL|SKIP): (\S+)`)
	about   = regexp.MustCompile(`^kernel (\S+) (\S+) page (\d+)`)
	exited  = regexp.MustCompile(`^exit code (\d+)`)
)

// parse reads the output of a machine: what init says, and the tests.
func parse(output []byte) (r result) {
	r.output = output
	for line := range strings.Lines(string(output)) {
		for i, part := range strings.Split(line, marker) {
			if i > 0 {
				r.test(part)
			}
		}
		r.init(line)
	}
	switch {
	case !r.ended:
		r.err = errors.New("it did not come to its end")
	case r.exit != 0:
		r.err = fmt.Errorf("exit code %d", r.exit)
	case r.ok == 0:
		r.err = errors.New("no test passed")
	}
	return r
}

// test counts a test if line is its outcome; tests within tests are not counted.
func (r *result) test(line string) {
	m := outcome.FindStringSubmatch(line)
	if m == nil || strings.Contains(m[2], "/") {
		return
	}
	switch m[1] {
	case "PASS":
		r.ok++
	case "FAIL":
		r.failed++
	case "SKIP":
		r.skips++
	}
}

// init takes what init says of the machine.
func (r *result) init(line string) {
	if m := about.FindStringSubmatch(line); m != nil {
		r.release, r.arch = m[1], m[2]
		r.page, _ = strconv.Atoi(m[3])
	}
	if m := exited.FindStringSubmatch(line); m != nil {
		r.exit, _ = strconv.Atoi(m[1])
		r.ended = true
	}
}
