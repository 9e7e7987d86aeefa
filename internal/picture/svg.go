package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

const (
	lineHeight = 20
	margin     = 16
	width      = 960
	column     = (width - 4*margin) / 3

	head = `<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img" aria-label="%[3]s">
<style>
text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #d8dee9; white-space: pre }
.err { fill: #ff6b68 }
.title { fill: #8fbcbb; font-weight: bold }
.note { fill: #8a93a5 }
</style>
<rect width="100%%" height="100%%" rx="8" fill="#1e222a"/>
`
	label = "The output of one program: two pipes lose the order, one pipe loses the stream, iomux keeps both"
)

// A canvas is a picture that is being drawn.
type canvas struct{ bytes.Buffer }

func (c *canvas) text(x, y int, class, text string) {
	fmt.Fprintf(c, `<text x="%d" y="%d" class="%s">`, x, y, class)
	xml.EscapeText(c, []byte(text)) // a bytes.Buffer takes everything
	c.WriteString("</text>\n")
}

// picture draws the program, and under it what was seen in each way.
func picture(two, one, muxed trial) []byte {
	source := strings.Split(program, "\n")
	rows := max(len(two.seen), len(one.seen), len(muxed.seen))
	panels := margin + lineHeight*(len(source)+2)
	height := panels + lineHeight*(rows+4) + margin
	var c canvas
	fmt.Fprintf(&c, head, width, height, label)
	c.text(margin, margin+14, "title", "the program (standard error is red below)")
	for i, l := range source {
		c.text(margin, margin+14+lineHeight*(i+1), "out", l)
	}
	c.panel(margin, panels, "two pipes, a reader for each", two)
	c.panel(2*margin+column, panels, "one pipe (2>&1)", one)
	c.panel(3*margin+2*column, panels, "iomux", muxed)
	c.WriteString("</svg>\n")
	return c.Bytes()
}

func (c *canvas) panel(x, y int, title string, t trial) {
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
