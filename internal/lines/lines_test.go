//go:build linux || (unix && experimental_unix)

package lines_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux"
)

// A part is a piece or a line in the tests of Lines. Its number stands for
// Time and PID.
type part struct {
	tag, data string
	number    int
	err       error
}

func (p part) String() string { return fmt.Sprintf("{%q %q %d %v}", p.tag, p.data, p.number, p.err) }

// source gives the parts as a Mux does: all in one buffer, which shows other
// bytes as soon as the loop goes on. Their numbers are their places, from 1.
func source(parts ...part) iter.Seq2[iomux.TaggedData, error] {
	return func(yield func(iomux.TaggedData, error) bool) {
		var buf []byte
		for i, p := range parts {
			buf = append(buf[:0], p.data...)
			d := iomux.TaggedData{Tag: p.tag, Data: buf, PID: i + 1, Time: time.Unix(int64(i+1), 0)}
			more := yield(d, p.err)
			for j := range buf {
				buf[j] = 'X'
			}
			if !more {
				return
			}
		}
	}
}

// linesOf gives what Lines makes of the parts.
func linesOf(t testing.TB, parts ...part) []part { return collect(t, iomux.Lines(source(parts...))) }

func collect(t testing.TB, seq iter.Seq2[iomux.TaggedData, error]) (lines []part) {
	for d, err := range seq {
		if err != nil {
			if len(d.Data) != 0 {
				t.Errorf("%q comes with the error %v", d.Data, err)
			}
			lines = append(lines, part{err: err})
			continue
		}
		if d.Time.Unix() != int64(d.PID) {
			t.Errorf("time %v and process %d are not of the same piece", d.Time, d.PID)
		}
		lines = append(lines, part{tag: d.Tag, data: string(d.Data), number: d.PID})
	}
	return lines
}

// modelLines is what LimitLines has to do, byte by byte.
func modelLines(max int, parts []part) (lines []part) {
	var begun []part // the oldest first
	for i, p := range parts {
		for _, b := range []byte(p.data) {
			at := slices.IndexFunc(begun, func(l part) bool { return l.tag == p.tag })
			if at < 0 {
				at = len(begun)
				begun = append(begun, part{tag: p.tag, number: i + 1})
			}
			begun[at].data += string([]byte{b})
			if b == '\n' || len(begun[at].data) == max {
				lines = append(lines, begun[at])
				begun = slices.Delete(begun, at, at+1)
			}
		}
	}
	return append(lines, begun...)
}

func checkLines(t testing.TB, parts []part) {
	t.Helper()
	if got, want := linesOf(t, parts...), modelLines(0, parts); !slices.Equal(got, want) {
		t.Fatalf("of %v\ngot  %v\nwant %v", parts, got, want)
	}
	for _, max := range []int{1, 2, 3, 5, 1 << 20} {
		if got, want := collect(t, iomux.LimitLines(source(parts...), max)), modelLines(max, parts); !slices.Equal(got, want) {
			t.Fatalf("with at most %d bytes, of %v\ngot  %v\nwant %v", max, parts, got, want)
		}
	}
}

// Every way to cut a text into pieces, and every way to give each piece one of
// three tags.
func TestLinesEveryCut(t *testing.T) {
	for _, text := range []string{"a\nbc\n\nd", "\n\nab\nc\n"} {
		for cuts := range 1 << (len(text) - 1) {
			var data []string
			for from, i := 0, 1; i <= len(text); i++ {
				if i == len(text) || cuts>>(i-1)&1 != 0 {
					data = append(data, text[from:i])
					from = i
				}
			}
			everyTagging(data, func(parts []part) { checkLines(t, parts) })
		}
	}
}

// everyTagging calls check with each way to give the tags a, b and "" to data.
func everyTagging(data []string, check func([]part)) {
	parts := make([]part, len(data))
	var from func(i int)
	from = func(i int) {
		if i == len(data) {
			check(parts)
			return
		}
		for _, tag := range []string{"a", "b", ""} {
			parts[i] = part{tag: tag, data: data[i]}
			from(i + 1)
		}
	}
	from(0)
}

func TestLinesNothing(t *testing.T) {
	for _, parts := range [][]part{nil, {{}}, {{tag: "a"}, {tag: "b"}, {tag: "a"}}} {
		if got := linesOf(t, parts...); got != nil {
			t.Errorf("of %v: %v", parts, got)
		}
	}
}

// What is unfinished at the end comes the oldest first, that is in the order in
// which the lines began, not the tags.
func TestLinesUnfinishedOrder(t *testing.T) {
	got := linesOf(t, part{tag: "z", data: "1\nz"}, part{tag: "a", data: "a"}, part{tag: "m", data: "m"},
		part{tag: "z", data: "2\n"}, part{tag: "z", data: "3"}, part{tag: "a", data: "4"})
	want := []part{{tag: "z", data: "1\n", number: 1}, {tag: "z", data: "z2\n", number: 1},
		{tag: "a", data: "a4", number: 2}, {tag: "m", data: "m", number: 3}, {tag: "z", data: "3", number: 5}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLinesError(t *testing.T) {
	errA, errB := errors.New("a"), errors.New("b")
	for _, c := range []struct{ parts, want []part }{
		{[]part{{err: errA}}, []part{{err: errA}}},
		{ // at the end: what is unfinished comes before it
			[]part{{tag: "x", data: "1\n2"}, {tag: "y", data: "3"}, {err: errA}},
			[]part{{tag: "x", data: "1\n", number: 1}, {tag: "x", data: "2", number: 1}, {tag: "y", data: "3", number: 2}, {err: errA}},
		},
		{ // in the middle: it stays between the lines, and cuts none
			[]part{{tag: "x", data: "1\n2"}, {err: errA}, {tag: "x", data: "3\n4"}, {err: errB}},
			[]part{{tag: "x", data: "1\n", number: 1}, {err: errA}, {tag: "x", data: "23\n", number: 1}, {tag: "x", data: "4", number: 3}, {err: errB}},
		},
		{ // with data
			[]part{{tag: "x", data: "1\n2", err: errA}},
			[]part{{tag: "x", data: "1\n", number: 1}, {tag: "x", data: "2", number: 1}, {err: errA}},
		},
		{[]part{{err: errA}, {err: errB}}, []part{{err: errA}, {err: errB}}},
	} {
		if got := linesOf(t, c.parts...); !slices.Equal(got, c.want) {
			t.Errorf("of %v\ngot  %v\nwant %v", c.parts, got, c.want)
		}
	}
}

// Leaving the loop at any line, also among those left at the end, and at the
// error: the source ends too, and nothing more is given.
func TestLinesLeftAnywhere(t *testing.T) {
	parts := []part{{tag: "a", data: "1\n2\n3"}, {tag: "b", data: "4"}, {tag: "c", data: "5\n6"}, {err: errors.New("end")}}
	all := linesOf(t, parts...)
	for n := 1; n <= len(all); n++ {
		got, ended := 0, false
		watched := func(yield func(iomux.TaggedData, error) bool) {
			defer func() { ended = true }()
			source(parts...)(yield)
		}
		for range iomux.Lines(watched) {
			if got++; got == n {
				break
			}
		}
		if got != n || !ended {
			t.Errorf("left at %d: got %d, source ended: %v", n, got, ended)
		}
	}
}

// Lines runs as often as its source does, each time from the beginning.
func TestLinesTwice(t *testing.T) {
	seq := iomux.Lines(source(part{tag: "a", data: "1\n2"}, part{tag: "a", data: "3\n4"}))
	for range 2 {
		var got []string
		for d := range seq {
			got = append(got, string(d.Data))
		}
		if want := []string{"1\n", "23\n", "4"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		for range seq { // and after it was left early
			break
		}
	}
}

func TestLinesRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		parts := make([]part, r.IntN(60))
		for i := range parts {
			data := make([]byte, r.IntN(12))
			for j := range data {
				data[j] = "\n\x00\r\xffabc\n"[r.IntN(8)]
			}
			parts[i] = part{tag: []string{"", "a", "b\n", "\x00"}[r.IntN(4)], data: string(data)}
		}
		checkLines(t, parts)
	}
}

// The fuzzer's bytes are pieces: one that chooses tag and length, then the data.
func FuzzLines(f *testing.F) {
	f.Add([]byte("\x10a\nb\n\x11c\n\nd\x05\n"))
	f.Add(bytes.Repeat([]byte("\x0c\n\x00\n\x0dx\ny"), 20))
	f.Add([]byte("\xffno newline in this one, and its end is not there"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var parts []part
		for len(in) > 0 {
			tag, n := string(rune('a'+in[0]%4)), min(int(in[0]/4), len(in)-1)
			parts = append(parts, part{tag: tag, data: string(in[1 : 1+n])})
			in = in[1+n:]
		}
		checkLines(t, parts)
	})
}

// One line of many megabytes in pieces of one size, while another tag writes
// whole lines and pieces of lines in between.
func TestLinesLong(t *testing.T) {
	for _, c := range []struct{ length, piece int }{{1 << 20, 1}, {24 << 20, 4096}, {24<<20 + 1, 1 << 20}} {
		t.Run(fmt.Sprintf("%d in %d", c.length, c.piece), func(t *testing.T) {
			long, other := 0, 0
			for d, err := range iomux.Lines(longLine(c.length, c.piece)) {
				switch {
				case err != nil:
					t.Fatal(err)
				case d.Tag == "other":
					if string(d.Data) != "whole\n" && string(d.Data) != "half half\n" {
						t.Fatalf("other line is %q", d.Data)
					}
					other++
				default:
					long++
					checkLongLine(t, d, c.length)
				}
			}
			if long != 1 || other != 2*(c.length/c.piece/64) {
				t.Errorf("%d long lines, %d others", long, other)
			}
		})
	}
}

// longLine gives a line of length bytes, and every 64 pieces two lines of
// another tag.
func longLine(length, piece int) iter.Seq2[iomux.TaggedData, error] {
	return func(yield func(iomux.TaggedData, error) bool) {
		buf := make([]byte, piece)
		for at, n := 0, 1; at < length; n++ {
			buf = buf[:min(piece, length-at)]
			for i := range buf {
				buf[i] = byte('a' + (at+i)%23)
			}
			if at += len(buf); at == length {
				buf[len(buf)-1] = '\n'
			}
			yield(iomux.TaggedData{Tag: "long", Data: buf, PID: n}, nil)
			if n%64 == 0 {
				yield(iomux.TaggedData{Tag: "other", Data: []byte("whole\nhalf")}, nil)
				yield(iomux.TaggedData{Tag: "other", Data: []byte(" half\n")}, nil)
			}
		}
	}
}

func checkLongLine(t *testing.T, d iomux.TaggedData, length int) {
	if len(d.Data) != length || d.PID != 1 {
		t.Fatalf("long line of %d bytes, begun by piece %d, want %d bytes, piece 1", len(d.Data), d.PID, length)
	}
	for i, b := range d.Data[:length-1] {
		if b != byte('a'+i%23) {
			t.Fatalf("byte %d is %q", i, b)
		}
	}
	if d.Data[length-1] != '\n' {
		t.Fatal("no newline at the end")
	}
}

// heap is what is allocated now.
func heap() int {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int(s.HeapAlloc)
}

// Lines holds the unfinished lines and nothing else: neither the tags that have
// been there, nor the room of lines that are finished. What may grow is looked
// at from inside the source, while Lines is running.
func TestLinesMemory(t *testing.T) {
	const allowed = 2 << 20
	grown := 0
	seq := func(yield func(iomux.TaggedData, error) bool) {
		before := heap()
		give := func(tag string, data []byte) { yield(iomux.TaggedData{Tag: tag, Data: data}, nil) }
		for i := range 50_000 { // tags that come and go
			tag := fmt.Sprintf("%d %s", i, strings.Repeat("t", 100))
			give(tag, []byte("unfinished"))
			give(tag, []byte(", finished\n"))
		}
		big := bytes.Repeat([]byte("b"), 4<<20)
		for range 4 { // long lines that come and go
			give("big", big)
			give("big", []byte("\n"))
		}
		for i := range 500 { // short ones, begun after one of 60 KiB has ended
			give("big", big[:60<<10])
			give("big", []byte("\n"))
			give(fmt.Sprint("short", i), []byte("s"))
		}
		grown = heap() - before - cap(big)
		runtime.KeepAlive(big)
	}
	for _, err := range iomux.Lines(seq) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if grown > allowed {
		t.Errorf("%d bytes are held for 500 unfinished lines of 1 byte", grown)
	}
}

// Whoever appends to a line does not overwrite the next one.
func TestLinesAppendTo(t *testing.T) {
	parts := []part{{tag: "a", data: "0\n1"}, {tag: "a", data: "\n2\n3\n4444"}, {tag: "a", data: "4"}}
	for _, max := range []int{2, 100} {
		var got []byte
		for d := range iomux.LimitLines(source(parts...), max) {
			got = append(got, d.Data...)
			d.Data = append(d.Data, "XXXX"...)
		}
		if want := "0\n1\n2\n3\n44444"; string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLimitLinesPanics(t *testing.T) {
	for _, max := range []int{0, -1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("no panic with %d", max)
				}
			}()
			iomux.LimitLines(source(), max)
		}()
	}
}

// LimitLines holds at most max bytes for a tag, whatever comes: 300 MB without a
// newline, and many tags. What may grow is looked at from inside the source.
func TestLimitLinesMemory(t *testing.T) {
	const (
		longest = 1 << 20
		total   = 300 << 20
		tags    = 8
	)
	piece := bytes.Repeat([]byte("x"), 4096+1)
	grown, sent := 0, 0
	seq := func(yield func(iomux.TaggedData, error) bool) {
		before := heap()
		for i := 0; sent < total; i++ {
			yield(iomux.TaggedData{Tag: strings.Repeat("t", i%tags), Data: piece}, nil)
			if sent += len(piece); i%8192 == 8191 {
				grown = max(grown, heap()-before)
			}
		}
		for i := range 100_000 { // a tag of its own for each line
			tag := fmt.Sprint(i)
			yield(iomux.TaggedData{Tag: tag, Data: piece[:3]}, nil)
			yield(iomux.TaggedData{Tag: tag, Data: []byte("\n")}, nil)
		}
		grown = max(grown, heap()-before)
	}
	got := 0
	for d, err := range iomux.LimitLines(seq, longest) {
		if err != nil || len(d.Data) > longest {
			t.Fatalf("%d bytes, %v", len(d.Data), err)
		}
		got += len(d.Data)
	}
	if want := sent + 4*100_000; got != want {
		t.Errorf("got %d bytes, want %d", got, want)
	}
	if allowed := (tags + 2) * longest; grown > allowed {
		t.Errorf("%d bytes are held, want at most %d", grown, allowed)
	}
}
