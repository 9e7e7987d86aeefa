package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

const intro = `# Programs

Real programs, each run on plain pipes and in each way that iomux has, and compared by the bytes of both streams, their order, and
the exit code. A program writes this page. Anyone can run it; it uses the programs that are installed:

    go run ./internal/proof/programs -write docs

The same table is a test, which fails if a way breaks its promise.

| way | in the library | in the command | promise |
|---|---|---|---|
| pipes | Output, Run, NewPipe | the default | never worse than a plain pipe, or the loss is reported |
| with the guard | StartBlocking | -blocking=always | never worse than a plain pipe |
| without the guard | (*exec.Cmd).Start | -blocking=never | never worse than a plain pipe, or the loss is reported |
| sockets | New | -socket | like a plain pipe, except as listed here |
| terminal | tty.Terminal | -tty | the expected lines and exit code; the rest as on a terminal |

"as a pipe" means that in each run there were the same bytes on each stream, in the order of the writes, and the same exit code.

`

// page returns docs/programs.md.
func page(rows []row, answers []answer) []byte {
	var b bytes.Buffer
	b.WriteString(intro)
	fmt.Fprintf(&b, "This run: %s.\n", system())
	family := ""
	for _, r := range rows {
		if r.skipped != "" {
			continue
		}
		if r.family != family {
			family = r.family
			fmt.Fprintf(&b, "\n## %s\n\n| program | pipes | with the guard | without the guard | sockets | terminal | what to do |\n|---|---|---|---|---|---|---|\n", family)
		}
		fmt.Fprintf(&b, "| %s |", cell(r.name))
		for _, k := range kinds {
			fmt.Fprintf(&b, " %s |", r.verdict(k))
		}
		advice := r.advice
		if len(r.found) == 0 && r.sockets != "" {
			advice = "" // what it is about did not come
		}
		fmt.Fprintf(&b, " %s |\n", cell(advice))
	}
	writeOrder(&b, answers)
	writeSkipped(&b, rows, answers)
	return b.Bytes()
}

// verdict is what stands in the cell of a kind.
func (r row) verdict(k kind) string {
	worse := r.found[k.name]
	switch {
	case worse == "":
		return "as a pipe"
	case k.pipes && !r.untold[k.name]:
		return cell(worse) + "; reported"
	case r.byPath && strings.Contains(worse, disorder):
		return disorder
	case k.terminal && r.refuses != "":
		return cell(worse) + ": " + cell(r.refuses)
	case k.name != "sockets" && r.pipes != "":
		return cell(worse) + ": " + cell(r.pipes)
	case k.name == "sockets" && r.sockets != "":
		return cell(worse) + ": " + cell(r.sockets)
	}
	return cell(worse)
}

func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(text)
}

const orderIntro = `
## The order in which a program writes

iomux keeps the order of the writes. But unless many languages see a terminal, they do not write at once what is printed:
they keep lines in a buffer, and errors, which are written at once, overtake them. Each of these programs prints a line, then an
error, then a line, and flushes nothing. On a terminal (iomux -tty, package tty) all of them are in order.

| language | on a pipe | with -tty | without a terminal |
|---|---|---|---|
`

func writeOrder(b *bytes.Buffer, answers []answer) {
	if len(answers) == 0 {
		return
	}
	b.WriteString(orderIntro)
	asked, natural := 0, 0
	for _, a := range answers {
		if a.skipped != "" {
			continue
		}
		asked++
		way := a.way
		if a.pipe == "yes" {
			natural++
			way = ""
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", a.name, cell(a.pipe), cell(a.terminal), cell(way))
	}
	fmt.Fprintf(b, "\n%d of %d keep the order of a terminal without one.\n", natural, asked)
}

func writeSkipped(b *bytes.Buffer, rows []row, answers []answer) {
	var skipped []string
	for _, r := range rows {
		if r.skipped != "" {
			skipped = append(skipped, fmt.Sprintf("%s (%s)", r.name, r.skipped))
		}
	}
	for _, a := range answers {
		if a.skipped != "" {
			skipped = append(skipped, fmt.Sprintf("%s (%s)", a.name, a.skipped))
		}
	}
	if len(skipped) > 0 {
		fmt.Fprintf(b, "\nNot in this run: %s.\n", strings.Join(skipped, ", "))
	}
}

// system says what this run was made with.
func system() string {
	var name unix.Utsname
	unix.Uname(&name)
	parts := []string{"Linux " + unix.ByteSliceToString(name.Release[:]) + " on " + unix.ByteSliceToString(name.Machine[:])}
	for _, v := range [][]string{{"node", "--version"}, {"bun", "--version"}, {"deno", "--version"}, {"python3", "--version"}, {"git", "--version"}} {
		out, err := exec.Command(v[0], v[1:]...).Output()
		if err != nil {
			continue
		}
		line, _, _ := strings.Cut(string(out), "\n")
		version := strings.Fields(strings.TrimPrefix(line, v[0]))
		for i, word := range version {
			if strings.ContainsAny(word, "0123456789") {
				parts = append(parts, v[0]+" "+version[i])
				break
			}
		}
	}
	return strings.Join(parts, ", ")
}
