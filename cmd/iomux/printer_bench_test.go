//go:build linux || (unix && experimental_unix)

package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
)

// BenchmarkPrinters shows what printing costs without a command: the rate of
// bytes from the command by the clock, and by the processor time of it, which
// does not depend on what else the machine does.
func BenchmarkPrinters(b *testing.B) {
	null := must(os.OpenFile(os.DevNull, os.O_WRONLY, 0))
	defer null.Close()
	text := []byte(strings.Repeat("the quick brown fox jumps over the lazy dog, and says \"ha\" to it 1234567890123456789012345678901234\n", 1<<20/100))
	zeros := make([]byte, 1<<20)
	for _, c := range []struct {
		name string
		set  func(o *options)
		data []byte
	}{
		{"raw", func(*options) {}, text},
		{"json", func(o *options) { o.json = true }, text},
		{"json-utf8", func(o *options) { o.json = true }, bytes.ReplaceAll(text, []byte("o"), []byte("ö"))},
		{"json-zeros", func(o *options) { o.json = true }, zeros},
		{"json-binary", func(o *options) { o.json = true }, bytes.ReplaceAll(zeros, []byte{0, 0}, []byte{0, 0xff})},
		{"annotate", func(o *options) { o.annotate = true }, text},
		{"annotate-elapsed", func(o *options) { o.annotate, o.time = true, elapsedStamp }, text},
		{"annotate-zeros", func(o *options) { o.annotate = true }, zeros},
		{"name", func(o *options) { o.name = "web" }, text},
		{"plain", func(o *options) { o.plain = true }, text},
		{"quiet", func(o *options) { o.quiet = true }, text},
	} {
		b.Run(c.name, func(b *testing.B) {
			o := newOptions()
			o.color, o.time = "never", layoutStamp(time.TimeOnly)
			c.set(o)
			out := streamsTo(int(null.Fd()), int(null.Fd()), false)
			var screen sink = out
			if o.quiet {
				screen = newSpool(out)
			}
			v := newViews(o, screen, out, &copies{})
			d := iomux.TaggedData{Tag: iomux.Stdout}
			b.SetBytes(int64(len(c.data)))
			began := cpuTime()
			for b.Loop() {
				for i := 0; i < len(c.data); i += 4096 {
					d.Data, d.Time = c.data[i:min(i+4096, len(c.data))], time.Now()
					v.print(d)
				}
				v.pause()
			}
			b.ReportMetric(float64(len(c.data))*float64(b.N)/1e6/(cpuTime()-began).Seconds(), "MB/cpu-s")
		})
	}
}

func cpuTime() time.Duration {
	var u unix.Rusage
	must(0, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
