//go:build linux || (unix && experimental_unix)

package main

import (
	"strings"
)

// manualDate is that of the last change of its texts.
const manualDate = "November 25, 2026"

// manualPage is iomux(1) in the language mdoc(7).
func manualPage(table []flagRow) string {
	var m manual
	m.macro("Dd " + manualDate)
	m.macro("Dt IOMUX 1")
	m.macro("Os")
	m.macro("Sh NAME")
	m.macro("Nm iomux")
	m.macro("Nd " + oneLine)
	m.macro("Sh SYNOPSIS")
	for _, line := range []string{"Nm", "Op Ar flags", "Op Fl Fl", "Ar command", "Op Ar argument ..."} {
		m.macro(line)
	}
	m.macro("Sh DESCRIPTION")
	m.paragraphs(pageIntro, pageTransport, pageLines)
	m.flags(table)
	m.macro("Sh SIGNALS")
	m.paragraphs(manualSignals...)
	m.macro("Sh SERVICES AND SCRIPTS")
	m.paragraphs(pageService, manualScripts)
	m.macro("Sh ENVIRONMENT")
	m.list(manualEnvironment, "Ev ")
	m.macro("Sh EXIT STATUS")
	m.list(pageExits, "")
	m.macro("Sh EXAMPLES")
	m.list(pageExamples, "Li ")
	m.macro("Sh SEE ALSO")
	m.macro("Xr env 1 ,")
	m.macro("Xr timeout 1 ,")
	m.macro("Xr pipe 7 ,")
	m.macro("Xr unix 7")
	return m.String()
}

// A manual is a page that is being written.
type manual struct{ strings.Builder }

func (m *manual) macro(line string) { m.WriteString("." + line + "\n") }

// text is plain text, each sentence on a line of its own, as mdoc wants it.
func (m *manual) text(text string) {
	for sentence := range strings.Lines(strings.ReplaceAll(text, ". ", ".\n")) {
		for line := range strings.Lines(wrap(manualEscape(sentence), 0)) {
			if strings.HasPrefix(line, ".") {
				line = `\&` + line
			}
			m.WriteString(line)
		}
	}
}

func (m *manual) paragraphs(texts ...string) {
	for i, text := range texts {
		if i > 0 {
			m.macro("Pp")
		}
		m.text(text)
	}
}

func (m *manual) flags(table []flagRow) {
	for g, title := range groupTitles {
		m.macro("Ss " + title)
		m.macro("Bl -tag -width Ds")
		for _, r := range table {
			if r.group != group(g) {
				continue
			}
			switch r.argument() {
			case none:
				m.macro("It Fl " + r.name)
			case optional:
				m.macro("It Fl " + r.name + " Ns Op = Ns Ar " + r.value)
			case required:
				m.macro("It Fl " + r.name + " Ar " + r.value)
			}
			m.text(sentence(r.help))
		}
		m.macro("El")
	}
}

// list is a list of terms, each in the macro, with their texts.
func (m *manual) list(items [][2]string, macro string) {
	m.macro("Bl -tag -width Ds")
	for _, i := range items {
		m.macro("It " + macro + manualEscape(i[0]))
		m.text(sentence(i[1]))
	}
	m.macro("El")
}

// sentence makes one of a help text.
func sentence(text string) string {
	if first, _, _ := strings.Cut(text, " "); first != "iomux" {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	if strings.HasSuffix(text, ":") {
		return text
	}
	return text + "."
}

// manualEscape protects what troff takes for something else, or prints as another
// character.
func manualEscape(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
}
