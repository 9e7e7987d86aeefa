package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// A report is all that was measured.
type report struct {
	rows   []row
	usages []usage
	points []point
}

func (r *report) measure(o options) (err error) {
	if r.rows, err = inEachQueue[row]("rows", o, queues); err != nil {
		return err
	}
	if o.Only == "" && o.Against == "" {
		if err := runPart("memory", o, &r.usages, nil); err != nil {
			return err
		}
	}
	if o.docs != "" {
		r.points, err = inEachQueue[point]("sweep", o, sweepQueues)
	}
	return err
}

// markdown gives the tables.
func (r *report) markdown() string {
	var b strings.Builder
	b.WriteString("| pair | queue | this | that | ratio (middle half) | goal | CPU ratio (middle half) | goal |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|\n")
	for _, row := range r.rows {
		row.write(&b)
	}
	if len(r.usages) > 0 {
		b.WriteString("\n| memory | KiB | goal |\n|---|---|---|\n")
	}
	for _, u := range r.usages {
		fmt.Fprintf(&b, "| %s | %.1f | %s |\n", u.Name, u.KiB, goal("≤", u.Goal, u.KiB <= u.Goal))
	}
	fmt.Fprintf(&b, "\nMeasured on %s.\n", machine())
	return b.String()
}

func (r row) write(b *strings.Builder) {
	sign, met := "≤", r.Ratio.Mid <= r.Goal
	if r.Kind == rate {
		sign, met = "≥", r.Ratio.Mid >= r.Goal
	}
	fmt.Fprintf(b, "| %s | %d | %s | %s | %s %s | %s | %s | %s |\n", r.Name, r.Queue,
		cost(r.Kind, r.ATime, r.ACPU), cost(r.Kind, r.BTime, r.BCPU),
		r.Kind, r.Ratio.text(r.Kind), goal(sign, r.Goal, met),
		r.CPU.text(rate), goal("≤", r.Goal2, r.CPU.Mid <= r.Goal2))
}

// cost tells what a write takes.
func cost(k kind, ns, cpu float64) string {
	if k == rate {
		return fmt.Sprintf("%.0fk/s, %.0f ns", 1e6/ns, cpu)
	}
	return fmt.Sprintf("%.1f µs, %.0f ns", ns/1e3, cpu)
}

func (s spread) text(k kind) string {
	if k == idle {
		return fmt.Sprintf("%.2f %% (%.2f–%.2f)", 100*s.Mid, 100*s.Low, 100*s.High)
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Mid, s.Low, s.High)
}

// goal tells a goal, and marks one that is missed.
func goal(sign string, goal float64, met bool) string {
	switch {
	case goal == 0:
		return ""
	case met:
		return fmt.Sprintf("%s %v", sign, goal)
	}
	return fmt.Sprintf("**%s %v missed**", sign, goal)
}

// machine tells what it was measured on.
func machine() string {
	var u unix.Utsname
	check(unix.Uname(&u))
	cpu := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(text), "model name"); ok {
			line, _, _ := strings.Cut(rest, "\n")
			cpu = strings.TrimLeft(line, "\t :")
		}
	}
	return fmt.Sprintf("Linux %s, %s, %d processors (%s), %s", unix.ByteSliceToString(u.Release[:]),
		runtime.GOARCH, runtime.NumCPU(), cpu, runtime.Version())
}

// The table stands between these lines in performance.md.
const begin, end = "<!-- bench: begin -->\n", "<!-- bench: end -->\n"

// write puts the tables into dir/performance.md, and the chart beside it.
func (r *report) write(dir string) error {
	name := filepath.Join(dir, "performance.md")
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	head, rest, ok := bytes.Cut(text, []byte(begin))
	_, tail, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return fmt.Errorf("%s: no place for the table between %q and %q", name, begin, end)
	}
	new := string(head) + begin + r.markdown() + end + string(tail)
	if err := os.WriteFile(name, []byte(new), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "performance.svg"), chart(r.points), 0o644)
}
