package main

import (
	"os"
	"strings"
	"testing"

	"github.com/seed-5082a588/iomux/internal/muxtest"
)

// Each program that is installed runs on a plain pipe and on some kind of Mux, or on
// all, and no kind breaks its promise.
func TestPrograms(t *testing.T) {
	muxtest.NeedPipes(t)
	for i, p := range table() {
		t.Run(p.name, func(t *testing.T) {
			if muxtest.Stress() < 1 && i%4 != 0 {
				t.Skip("every fourth is enough with -short or an IOMUX_STRESS below 1")
			}
			muxtest.Watch(t)
			r := p.run(muxtest.Rounds(1), someKinds(i))
			if r.skipped != "" {
				t.Skip(r.skipped)
			}
			if len(r.found) > 0 {
				t.Log(r)
			}
			for _, broken := range r.broken() {
				t.Error(broken)
			}
			if r.plain != "" {
				t.Errorf("the row is wrong: on a plain pipe it %s", r.plain)
			}
		})
	}
}

// someKinds returns the kinds that program i runs on: one, in turn, and another for
// an ordinary user; all of them with an IOMUX_STRESS of 2 or more.
func someKinds(i int) []kind {
	if muxtest.Stress() >= 2 {
		return kinds
	}
	if os.Geteuid() != 0 {
		i++
	}
	return kinds[i%len(kinds):][:1]
}

// Each language that is installed prints in the order of a terminal where it
// believes that it has one.
func TestNaturalOrder(t *testing.T) {
	muxtest.NeedPipes(t)
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			muxtest.Watch(t)
			a := l.ask()
			if a.skipped != "" {
				t.Skip(a.skipped)
			}
			if a.pipe != "yes" && a.way == "" {
				t.Errorf("on a pipe: %s, and the table does not say what to do", a.pipe)
			}
			if a.terminal != "yes" {
				t.Errorf("on a terminal: %s", a.terminal)
			}
		})
	}
}

// The page has a row for each program that was installed when it was written.
func TestPage(t *testing.T) {
	text, err := os.ReadFile("../../../docs/programs.md")
	if err != nil {
		t.Fatal(err)
	}
	_, without, _ := strings.Cut(string(text), "Not in this run: ")
	for _, p := range table() {
		if !strings.Contains(string(text), "| "+cell(p.name)+" |") && !strings.Contains(without, p.name) {
			t.Errorf("docs/programs.md has no row for %q; write it anew", p.name)
		}
	}
}
