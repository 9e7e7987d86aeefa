package main

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
)

const (
	panelWidth, panelHeight = 460, 240
	left, right, top, under = 60, 24, 44, 44 // margins of a panel
	plotWidth, plotHeight   = panelWidth - left - right, panelHeight - top - under
	header                  = 64
	busyColor, restColor    = "#e8a33d", "#0b6fb8"
)

// plot draws a panel for each metric over the time, with axes from zero.
func (r *result) plot() []byte {
	var b bytes.Buffer
	rows := (len(metrics) + 1) / 2
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">`+"\n", 2*panelWidth, header+rows*panelHeight)
	b.WriteString(`<rect width="100%" height="100%" fill="white"/>` + "\n")
	fmt.Fprintf(&b, `<text x="%d" y="28" font-size="16" font-weight="bold">What the process takes, over %.3g minutes of everything at once</text>`+"\n", left, r.length.Minutes())
	fmt.Fprintf(&b, `<text x="%d" y="48">%s</text>`+"\n", left, strings.TrimPrefix(r.done(), r.length.String()+": "))
	for i := range metrics {
		fmt.Fprintf(&b, `<g transform="translate(%d,%d)">`+"\n", i%2*panelWidth, header+i/2*panelHeight)
		r.panel(&b, i)
		b.WriteString("</g>\n")
	}
	fmt.Fprintf(&b, `<g transform="translate(%d,%d)">`+"\n", len(metrics)%2*panelWidth, header+len(metrics)/2*panelHeight)
	legend(&b)
	b.WriteString("</g>\n</svg>\n")
	return b.Bytes()
}

func (r *result) panel(b *bytes.Buffer, i int) {
	fmt.Fprintf(b, `<text x="%d" y="%d" font-size="13" font-weight="bold">%s</text>`+"\n", left, top-14, metrics[i].title())
	busyAt, busy := r.series(i, true)
	restAt, rest := r.series(i, false)
	xs := scale{max: slices.Max(restAt), step: niceStep(slices.Max(restAt)), size: plotWidth}
	highest := max(slices.Max(busy), slices.Max(rest))
	step := niceStep(highest)
	ys := scale{max: math.Ceil(highest/step*1.02) * step, step: step, size: plotHeight}
	grid(b, xs, ys)
	curve(b, xs, ys, busyAt, busy, busyColor, 1)
	curve(b, xs, ys, restAt, rest, restColor, 2)
}

// A scale leads from 0 to max, with a mark at each step.
type scale struct {
	max, step float64
	size      int
}

func (s scale) at(v float64) float64 { return v / s.max * float64(s.size) }

// niceStep divides what goes up to highest into four to ten parts.
func niceStep(highest float64) float64 {
	ten := math.Pow(10, math.Floor(math.Log10(highest)))
	for _, f := range []float64{0.1, 0.2, 0.25, 0.5, 1} {
		if highest/(f*ten) <= 6 {
			return f * ten
		}
	}
	return 2 * ten
}

func grid(b *bytes.Buffer, xs, ys scale) {
	for v := 0.0; v <= xs.max+xs.step/1000; v += xs.step {
		x := left + xs.at(v)
		fmt.Fprintf(b, `<path d="M%.1f %dv%d" stroke="#eee"/><text x="%.1f" y="%d" text-anchor="middle">%.4g</text>`+"\n",
			x, top, plotHeight, x, top+plotHeight+16, v)
	}
	for v := 0.0; v <= ys.max+ys.step/1000; v += ys.step {
		y := float64(top+plotHeight) - ys.at(v)
		fmt.Fprintf(b, `<path d="M%d %.1fh%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.4g</text>`+"\n",
			left, y, plotWidth, left-6, y+4, v)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">minutes</text>`+"\n", left+plotWidth/2, top+plotHeight+32)
}

func curve(b *bytes.Buffer, xs, ys scale, at, values []float64, color string, width int) {
	var path strings.Builder
	for i := range at {
		fmt.Fprintf(&path, "%.1f %.1f ", left+xs.at(at[i]), float64(top+plotHeight)-ys.at(values[i]))
	}
	fmt.Fprintf(b, `<path d="M%s" fill="none" stroke="%s" stroke-width="%d" stroke-linejoin="round"/>`+"\n", strings.TrimSpace(path.String()), color, width)
}

func legend(b *bytes.Buffer) {
	for i, l := range []struct {
		color, text string
		width       int
	}{
		{restColor, "at rest after each wave, one Mux of each kind is open", 2},
		{busyColor, "in the middle of each wave", 1},
	} {
		y := top + 20 + 20*i
		fmt.Fprintf(b, `<path d="M%d %dh24" stroke="%s" stroke-width="%d"/><text x="%d" y="%d">%s</text>`+"\n", left, y-4, l.color, l.width, left+32, y, l.text)
	}
}
