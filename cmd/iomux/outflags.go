//go:build linux || (unix && experimental_unix)

package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// defaultMaxLine is the value of -max-line if it is not given.
const defaultMaxLine = 1 << 20

// logFormats are what -log-format takes.
var logFormats = []string{"annotate", "json", "plain"}

// copyTo returns what stores a file that gets these streams.
func (o *options) copyTo(add bool, of ...stream) func(string) {
	return func(name string) {
		want := copyWanted{name: name, add: add}
		for _, s := range of {
			want.of[s] = true
		}
		o.copies = append(o.copies, want)
	}
}

// setName stores a name, which must be one line.
func (o *options) setName(name string) error {
	if name == "" || strings.ContainsAny(name, "\r\n") {
		return errors.New("not a name")
	}
	o.name = name
	return nil
}

// addLog stores a log. It has the format that was given last before it; one
// before all formats has the first.
func (o *options) addLog(name string) {
	format := formatMissing
	if o.logFormat != "" {
		format = o.logFormat
	}
	o.formatUsed = true
	o.copies = append(o.copies, copyWanted{name: name, of: bothStreams, format: format})
}

// formatMissing is the format of a log until one is given.
const formatMissing = "?"

func (o *options) setLogFormat(format string) error {
	known := false
	for _, f := range logFormats {
		known = known || f == format
	}
	if !known {
		return errors.New("must be annotate, json or plain")
	}
	first := o.logFormat == ""
	if !first && !o.formatUsed {
		return errors.New("no -log has the format before it: give the format of each log before its name")
	}
	o.logFormat, o.formatUsed = format, false
	if first {
		o.formatLogs(format)
	}
	return nil
}

// formatLogs sets the format of the logs that have none. It stores whether there
// are any.
func (o *options) formatLogs(format string) {
	for i := range o.copies {
		if c := &o.copies[i]; c.format == formatMissing {
			c.format = format
			o.formatUsed = true
		}
	}
}

// checkLogs refuses a format that no log has.
func (o *options) checkLogs() error {
	if o.logFormat != "" && !o.formatUsed {
		return fmt.Errorf("no -log has -log-format=%s: give the format of each log before its name", o.logFormat)
	}
	o.formatLogs("annotate")
	return nil
}

// annotatedLog reports whether there is a log with times.
func (o *options) annotatedLog() bool {
	for _, c := range o.copies {
		if c.format == "annotate" {
			return true
		}
	}
	return false
}

// setMaxLine stores a size: a number of bytes, or of K, M or G.
func (o *options) setMaxLine(size string) error {
	n, err := parseSize(size)
	if err != nil {
		return err
	}
	o.maxLine = n
	return nil
}

func parseSize(size string) (int, error) {
	digits := strings.TrimRight(size, "kKmMgGiB")
	shift, ok := sizeUnit(strings.ToUpper(size[len(digits):]))
	n, err := strconv.Atoi(digits)
	if err != nil || !ok || n < 1 || n > maxInt>>shift {
		return 0, errors.New("not a size such as 4096, 64K or 1M")
	}
	return n << shift, nil
}

// sizeUnit returns a unit of sizes as a power of 2.
func sizeUnit(name string) (shift uint, ok bool) {
	switch name {
	case "", "B":
		return 0, true
	case "K", "KB", "KIB":
		return 10, true
	case "M", "MB", "MIB":
		return 20, true
	case "G", "GB", "GIB":
		return 30, true
	}
	return 0, false
}

const maxInt = int(^uint(0) >> 1)
