//go:build linux || (unix && experimental_unix)

package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const usageLine = "iomux [flags] [--] command [argument ...]"

const shortUsage = "usage: " + usageLine + `
iomux -h explains the flags.
`

// The texts of the pages, beside the table of flags. A paragraph is one line.
const (
	oneLine = "run a command and show its output and errors in order"

	pageIntro = "iomux runs a command and copies its standard output to standard output and its standard error to standard error, in the order of the writes."

	pageTransport = "By default the command writes to pipes, which every program can use. -socket is for bulk output: it is faster, each write stays whole, and time and process ID come from the kernel; but Node.js prints nothing, and /dev/stderr cannot be opened."

	pageLines = "Under -annotate, -json and -name, an unfinished line, such as a prompt, is printed after 0.2 s. Files get only finished lines. If several iomux write to one pipe or file, every line stays whole."

	pageSignals = "SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 are passed on to the command, unless a terminal has sent them to it as well. When one of them has ended the command, iomux waits at most 2 s for other processes that hold its output, unless -wait says otherwise; and if nobody reads what iomux writes for another 2 s, it drops the rest."

	pageService = "Redirect the output of a service that the command leaves behind (./server >server.log 2>&1 &): when the wait is over or iomux has ended, a write to iomux fails with SIGPIPE. nohup alone does not help."

	manualScripts = "A script without #! is run by /bin/sh, as a shell does."
)

// manualSignals is on the manual page only.
var manualSignals = []string{
	pageSignals,
	"Signals that are ignored when iomux starts stay ignored for the command, as without iomux. If the command handles them all the same, it gets them.",
	"If a signal kills the command, iomux dies of the same signal once everything is written, without a core dump of its own. So a shell stops its loop at Ctrl-C, and reports what happened.",
	"After the command has ended, SIGINT, SIGTERM, SIGHUP and SIGQUIT end the wait for other processes that hold its output.",
}

// manualEnvironment are the variables that matter.
var manualEnvironment = [][2]string{
	{"NO_COLOR", "if it is not empty, nothing is coloured, unless -color=always is given"},
	{"TERM", "if it is dumb, likewise"},
	{"TMPDIR", "the directory where -quiet keeps large output and -socket makes its socket, both of which are removed at once; the default is /tmp"},
}

// pageExamples are commands, and what they are good for.
var pageExamples = [][2]string{
	{"iomux make -j2", "errors in red, in their place"},
	{"iomux -annotate -time=elapsed make", "how long each step takes"},
	{"iomux -quiet -- rsync -av a/ b/", "in cron: mail only if it fails"},
	{"iomux -combined-file=log ./test 2>/dev/null", "the file gets everything"},
}

// pageExits are exit codes and what they mean.
var pageExits = [][2]string{
	{"125", "iomux itself failed, or could not write everything"},
	{"126", "the command cannot be executed"},
	{"127", "the command is not found"},
	{"128+N", "signal N killed the command"},
	{"others", "the exit code of the command"},
}

const (
	pageWidth  = 80
	helpIndent = 23 // of the texts of the flags
)

// helpPage is what -h prints.
func helpPage() string {
	var b strings.Builder
	paragraph := func(text string) { b.WriteString(wrap(text, 0) + "\n") }
	paragraph(pageIntro)
	paragraph("usage: " + usageLine)
	table := flagTable(newOptions())
	for g, title := range groupTitles {
		b.WriteString(title + ":\n")
		for _, r := range table {
			if r.group == group(g) {
				b.WriteString(item("-"+r.name+r.valueText(" "), r.help, helpIndent))
			}
		}
		b.WriteByte('\n')
	}
	paragraph(pageTransport)
	paragraph(pageLines)
	paragraph(pageSignals)
	paragraph(pageService)
	b.WriteString("Examples:\n")
	for _, e := range pageExamples {
		b.WriteString(item(e[0], e[1], 39))
	}
	b.WriteString("\nExit code:\n")
	for _, e := range pageExits {
		b.WriteString(item(e[0], e[1], 10))
	}
	return b.String()
}

// valueText is what follows the name of the flag, after between.
func (r flagRow) valueText(between string) string {
	switch r.argument() {
	case none:
		return ""
	case optional:
		return "[=" + r.value + "]"
	}
	return between + r.value
}

// item is a term with its text beside it, from column indent on; under it where
// the term is too long for that.
func item(term, text string, indent int) string {
	head := "  " + term
	text = wrap(text, indent)
	if n := utf8.RuneCountInString(head); n+1 < indent {
		return head + text[n:]
	}
	if !strings.Contains(strings.TrimSpace(text), "\n") && len(head)+3+len(strings.TrimSpace(text)) <= pageWidth {
		return head + "   " + strings.TrimSpace(text) + "\n"
	}
	return head + "\n" + text
}

// wrap breaks the text into lines that are indented so far.
func wrap(text string, indent int) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case column == 0:
			column = indent
			fmt.Fprintf(&b, "%*s", indent, "")
		case column+1+n > pageWidth:
			column = indent
			fmt.Fprintf(&b, "\n%*s", indent, "")
		default:
			column++
			b.WriteByte(' ')
		}
		b.WriteString(word)
		column += n
	}
	return b.String() + "\n"
}
