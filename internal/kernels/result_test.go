//go:build unix

package main

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	const head = "boot\r\nkernel 6.1.0 x86_64 page 4096\r\n"
	const tests = "\x16=== RUN   TestA\r\nnoise\x16--- PASS: TestA (0.1s)\r\n\x16--- PASS: TestB/x (0.1s)\r\n" +
		"--- PASS: TestNoise (0.1s)\r\n\x16--- SKIP: TestC (0.0s)\r\n"
	for _, c := range []struct {
		name, output     string
		ok, failed, skip int
		passed           bool
		says             string
	}{
		{"all well", head + tests + "exit code 0\r\n", 1, 0, 1, true, ""},
		{"one fails", head + tests + "\x16--- FAIL: TestD (1s)\r\nexit code 1\r\n", 1, 1, 1, false, "exit code 1"},
		{"no end", head + tests, 1, 0, 1, false, "end"},
		{"no test", head + "exit code 0\r\n", 0, 0, 0, false, "no test"},
		{"nothing", "", 0, 0, 0, false, "end"},
	} {
		r := parse([]byte(c.output))
		if r.ok != c.ok || r.failed != c.failed || r.skips != c.skip || r.passed() != c.passed {
			t.Errorf("%s: %d passed, %d failed, %d skipped, %v", c.name, r.ok, r.failed, r.skips, r.passed())
		}
		if (r.err == nil) != c.passed || r.err != nil && !strings.Contains(r.err.Error(), c.says) {
			t.Errorf("%s: the error is %v", c.name, r.err)
		}
		if c.output != "" && (r.release != "6.1.0" || r.arch != "x86_64" || r.page != 4096) {
			t.Errorf("%s: it is %s %s %d", c.name, r.release, r.arch, r.page)
		}
	}
}

func TestTable(t *testing.T) {
	text := table([]result{{name: "one", skipped: "no such program"}, {name: "two", release: "6.1", ok: 3}})
	for _, want := range []string{"skipped: no such program", "two", "6.1"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}
