package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os/exec"
	"time"
)

const (
	lineHeight = 20
	margin     = 16
	width      = 960

	head = `<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img" aria-label="%[3]s">
<style>
text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #d8dee9; white-space: pre }
.err { fill: #ff6b68 }
.magenta { fill: #c792ea; font-weight: bold }
.bold { font-weight: bold }
.title { fill: #8fbcbb; font-weight: bold }
.note { fill: #8a93a5 }
%[4]s</style>
<rect width="100%%" height="100%%" rx="8" fill="#1e222a"/>
`
)

// A canvas is a picture that is being drawn.
type canvas struct{ bytes.Buffer }

func (c *canvas) text(x, y int, class, text string) {
	fmt.Fprintf(c, `<text x="%d" y="%d" class="%s">`, x, y, class)
	xml.EscapeText(c, []byte(text)) // a bytes.Buffer takes everything
	c.WriteString("</text>\n")
}

// A panel is what is seen in one way.
type panel struct {
	title string
	way   way
}

// drawWays draws what a command writes, under its source, as each way shows it.
func drawWays(title string, source []string, command func() *exec.Cmd, written []line, panels ...panel) ([]byte, error) {
	var trials []trial
	rows := 0
	for _, p := range panels {
		t, err := try(command, written, p.way)
		if err != nil {
			return nil, err
		}
		trials = append(trials, t)
		rows = max(rows, len(t.seen))
	}
	top := margin + lineHeight*(len(source)+2)
	height := top + lineHeight*(rows+4) + margin
	column := (width - (len(panels)+1)*margin) / len(panels)
	var c canvas
	fmt.Fprintf(&c, head, width, height, "The output of a program, as it is seen in several ways: only iomux keeps both the order and the streams", "")
	c.text(margin, margin+14, "title", title)
	for i, l := range source {
		c.text(margin, margin+14+lineHeight*(i+1), "out", l)
	}
	for i, p := range panels {
		c.panel(margin+i*(column+margin), top, column, p.title, trials[i])
	}
	c.WriteString("</svg>\n")
	return c.Bytes(), nil
}

func (c *canvas) panel(x, y, column int, title string, t trial) {
	fmt.Fprintf(c, `<path d="M%d %dh%d" stroke="#4c566a"/>`+"\n", x, y, column)
	c.text(x, y+lineHeight, "title", title)
	for i, l := range t.seen {
		class := "out"
		if l.err {
			class = "err"
		}
		c.text(x, y+lineHeight*(i+2), class, l.text)
	}
	y += lineHeight*(len(t.seen)+2) + lineHeight/2
	c.text(x, y, "note", fmt.Sprintf("order lost in %d of %d runs", t.lost, runs))
	c.text(x, y+lineHeight, "note", fmt.Sprintf("stream lost in %d of %d runs", t.streamLost, runs))
}

const (
	typing   = 700 * time.Millisecond // before a command starts
	reading  = 2 * time.Second        // after its last line
	slowest  = 300 * time.Millisecond // the longest time shown between two lines
	quickest = 60 * time.Millisecond  // the shortest
	columns  = 116
)

// film draws the scenes so that each line appears at its time, over and over.
func film(scenes []scene) []byte {
	var c canvas
	var at, length time.Duration
	rows := 0
	for _, s := range scenes {
		length += s.length()
		rows += len(s.lines) + 2
	}
	const style = `.film { opacity: 0; animation-duration: %.1fs; animation-iteration-count: infinite; animation-timing-function: step-end }
`
	fmt.Fprintf(&c, head, width, rows*lineHeight+2*margin, "A recording: iomux runs make, with standard error in its place", fmt.Sprintf(style, length.Seconds()))
	y := margin + 14
	for _, s := range scenes {
		c.appear(y, at, length, []span{{"title", "$ "}, {"bold", s.typed}})
		next := at + typing
		for _, l := range s.lines {
			y += lineHeight
			next += min(max(l.after, quickest), slowest)
			c.appear(y, next, length, spans(l.text))
		}
		y += 2 * lineHeight
		at += s.length()
	}
	c.WriteString("</svg>\n")
	return c.Bytes()
}

func (s scene) length() time.Duration {
	d := typing + reading
	for _, l := range s.lines {
		d += min(max(l.after, quickest), slowest)
	}
	return d
}

// appear draws a line that is there from a time on.
func (c *canvas) appear(y int, at, length time.Duration, text []span) {
	percent := 100 * at.Seconds() / length.Seconds()
	name := fmt.Sprintf("a%d", y)
	fmt.Fprintf(c, `<style>@keyframes %s { 0%% { opacity: %d } %.2f%% { opacity: 1 } 100%% { opacity: 1 } }</style>`+"\n", name, zeroAt(at), percent)
	fmt.Fprintf(c, `<text x="%d" y="%d" class="film" style="animation-name: %s">`, margin, y, name)
	left := columns
	for _, s := range text {
		runes := []rune(s.text)
		if len(runes) > left {
			runes = append(runes[:max(left-1, 0)], '…')
		}
		left -= len(runes)
		fmt.Fprintf(c, `<tspan class="%s">`, s.class)
		xml.EscapeText(c, []byte(string(runes)))
		c.WriteString("</tspan>")
		if left <= 0 {
			break
		}
	}
	c.WriteString("</text>\n")
}

// zeroAt is how much of a line is seen at the beginning, which appears at a time.
func zeroAt(at time.Duration) int {
	if at == 0 {
		return 1
	}
	return 0
}
