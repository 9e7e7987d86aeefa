package main

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
)

const (
	panelWidth, panelHeight = 520, 340
	left, right, top, under = 64, 20, 40, 84 // margins of a panel
	plotWidth, plotHeight   = panelWidth - left - right, panelHeight - top - under
)

var (
	panels  = []string{byteRate, messageCPU, bySenders, byQueue}
	palette = []string{"#0b6fb8", "#d1495b", "#3c3c3c", "#2e8b57", "#b8860b"}
)

// chart draws the points, panel by panel, with logarithmic axes.
func chart(points []point) []byte {
	var b bytes.Buffer
	rows := (len(panels) + 1) / 2
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">`+"\n", 2*panelWidth, rows*panelHeight)
	b.WriteString(`<rect width="100%" height="100%" fill="white"/>` + "\n")
	for i, name := range panels {
		p := newPanel(name, points)
		fmt.Fprintf(&b, `<g transform="translate(%d,%d)">`+"\n", i%2*panelWidth, i/2*panelHeight)
		p.draw(&b)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// A panel is one diagram, its axes from the power of ten below the data to that
// above.
type panel struct {
	name           string
	points         []point
	series         []string
	x0, x1, y0, y1 float64 // powers of ten
}

func newPanel(name string, points []point) *panel {
	p := &panel{name: name, x0: math.Inf(1), x1: math.Inf(-1), y0: math.Inf(1), y1: math.Inf(-1)}
	for _, pt := range points {
		if pt.Panel != name {
			continue
		}
		p.points = append(p.points, pt)
		if !slices.Contains(p.series, pt.Series) {
			p.series = append(p.series, pt.Series)
		}
		p.x0, p.x1 = min(p.x0, math.Log10(pt.X)), max(p.x1, math.Log10(pt.X))
		p.y0, p.y1 = min(p.y0, math.Log10(pt.Y)), max(p.y1, math.Log10(pt.Y))
	}
	p.x0, p.x1, p.y0, p.y1 = math.Floor(p.x0), math.Ceil(p.x1), math.Floor(p.y0), math.Ceil(p.y1)
	return p
}

func (p *panel) at(x, y float64) (float64, float64) {
	return left + (math.Log10(x)-p.x0)/(p.x1-p.x0)*plotWidth, top + (p.y1-math.Log10(y))/(p.y1-p.y0)*plotHeight
}

func (p *panel) draw(b *bytes.Buffer) {
	fmt.Fprintf(b, `<text x="%d" y="%d" font-size="13" font-weight="bold">%s</text>`+"\n", left, top-14, p.name)
	if len(p.points) == 0 {
		fmt.Fprintf(b, `<text x="%d" y="%d">not measured here</text>`+"\n", left, top+20)
		return
	}
	p.grid(b)
	for i, s := range p.series {
		p.line(b, i, s)
	}
}

func (p *panel) grid(b *bytes.Buffer) {
	for e := p.x0; e <= p.x1; e++ {
		x, _ := p.at(math.Pow(10, e), 1)
		fmt.Fprintf(b, `<path d="M%.1f %dv%d" stroke="#ddd"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n",
			x, top, plotHeight, x, top+plotHeight+16, axisNumber(e))
	}
	for e := p.y0; e <= p.y1; e++ {
		_, y := p.at(1, math.Pow(10, e))
		fmt.Fprintf(b, `<path d="M%d %.1fh%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, y, plotWidth, left-6, y+4, axisNumber(e))
	}
}

// axisNumber writes a power of ten.
func axisNumber(e float64) string {
	units := []string{"", "k", "M", "G"}
	i := min(max(int(e)/3, 0), len(units)-1)
	return fmt.Sprint(math.Pow(10, e-float64(3*i)), units[i])
}

func (p *panel) line(b *bytes.Buffer, i int, series string) {
	color := palette[i%len(palette)]
	var own []point
	for _, pt := range p.points {
		if pt.Series == series {
			own = append(own, pt)
		}
	}
	slices.SortFunc(own, func(a, b point) int { return cmp.Compare(a.X, b.X) })
	path := "M"
	for _, pt := range own {
		x, y := p.at(pt.X, pt.Y)
		path += fmt.Sprintf("%.1f %.1f ", x, y)
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x, y, color)
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", path, color)
	x, y := left+i%3*150, top+plotHeight+40+i/3*18
	fmt.Fprintf(b, `<path d="M%d %dh18" stroke="%s" stroke-width="3"/><text x="%d" y="%d">%s</text>`+"\n", x, y-4, color, x+24, y, series)
}
