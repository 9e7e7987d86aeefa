//go:build unix

package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// table shows the results.
func table(results []result) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "kernel\tversion\tarchitecture\tpage\tpassed\tfailed\tskipped\tseconds\t")
	for _, r := range results {
		if r.skipped != "" {
			fmt.Fprintf(w, "%s\tskipped: %s\n", r.name, r.skipped)
			continue
		}
		verdict := ""
		if r.err != nil {
			verdict = "FAIL: " + firstLine(r.err.Error())
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%.0f\t%s\n",
			r.name, r.release, r.arch, r.page, r.ok, r.failed, r.skips, r.took.Seconds(), verdict)
	}
	w.Flush()
	return text.String()
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
