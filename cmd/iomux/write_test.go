//go:build linux || (unix && experimental_unix)

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Somebody else may make the terminal or pipe nonblocking at any time.
func TestWriteNonblocking(t *testing.T) {
	watch(t)
	r, w := must2(os.Pipe())
	defer r.Close()
	fd := int(w.Fd()) // makes it blocking
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	text := bytes.Repeat([]byte("0123456789abcdef"), 20_000) // more than a pipe holds
	written := make(chan error)
	go func() {
		err := writeAll(fd, text)
		w.Close()
		written <- err
	}()
	got := must(io.ReadAll(r))
	if err := <-written; err != nil || !bytes.Equal(got, text) {
		t.Errorf("%d bytes of %d, %v", len(got), len(text), err)
	}
}

func TestWriteClosed(t *testing.T) {
	r, w := must2(os.Pipe())
	r.Close()
	defer w.Close()
	if err := writeAll(int(w.Fd()), []byte("x")); !errors.Is(err, unix.EPIPE) {
		t.Error(err)
	}
}

// What both streams get is not written in any other order, wherever they lead.
func TestStreamsOrder(t *testing.T) {
	for _, shared := range []bool{true, false} {
		r, w := must2(os.Pipe())
		s := streamsTo(int(w.Fd()), int(w.Fd()), shared)
		for _, text := range []string{"1", "2", "3"} {
			s.write(toStdout, []byte(text))
			s.write(toStderr, []byte("e"+text))
			s.write(toStderr, []byte("!"))
		}
		s.flush()
		w.Close()
		if got := must(io.ReadAll(r)); string(got) != "1e1!2e2!3e3!" {
			t.Errorf("shared %v: got %q", shared, got)
		}
		r.Close()
	}
}

func TestSpool(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for i, limit := range []int{1, 100, 200_000, 1 << 20, 1 << 20} {
		w := must(os.CreateTemp(t.TempDir(), ""))
		out := streamsTo(int(w.Fd()), int(w.Fd()), false)
		s := &spool{out: out, limit: limit}
		if i%2 == 0 {
			s.memory = &blockStore{} // as where the kernel has no such memory
		}
		var want []byte
		for i := range 300 {
			text := bytes.Repeat([]byte{byte('a' + i%26)}, i*i%2000)
			s.write(stream(i%2), text)
			want = append(want, text...)
		}
		if limit < 1<<20 != (s.file != nil) || limit > 100 && s.memory == nil {
			t.Errorf("limit %d: file %v", limit, s.file)
		}
		s.replay(func() bool { return false })
		s.write(toStdout, []byte("after"))
		s.flush()
		if got := must(os.ReadFile(w.Name())); !bytes.Equal(got, append(want, "after"...)) {
			t.Errorf("limit %d: %d bytes, want %d", limit, len(got), len(want)+5)
		}
		if s.file != nil || out.failed {
			t.Errorf("limit %d: file %v, failed %v", limit, s.file, out.failed)
		}
		w.Close()
	}
	if left := must(os.ReadDir(os.Getenv("TMPDIR"))); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// What cannot be written to the file is printed, and nothing is lost.
func TestSpoolFileFails(t *testing.T) {
	w, complaints := must(os.CreateTemp(t.TempDir(), "")), must(os.CreateTemp(t.TempDir(), ""))
	defer w.Close()
	defer complaints.Close()
	s := &spool{out: streamsTo(int(w.Fd()), int(complaints.Fd()), false), limit: 10}
	s.write(toStdout, []byte("this is kept\n"))
	if s.file == nil {
		t.Fatal("no file")
	}
	s.file.close()
	s.file = &fileStore{File: must(os.Open(must(os.Executable())))} // cannot be written
	s.write(toStdout, bytes.Repeat([]byte("x"), spoolBlock+1))
	s.write(toStdout, []byte("\nafter"))
	s.flush()
	want := "this is kept\n" + strings.Repeat("x", spoolBlock+1) + "\nafter"
	if got := must(os.ReadFile(w.Name())); string(got) != want {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
	if got := must(os.ReadFile(complaints.Name())); !strings.HasPrefix(string(got), "iomux: output cannot be kept") {
		t.Errorf("got %q", got)
	}
}

func TestSpoolStopped(t *testing.T) {
	r, w := must2(os.Pipe())
	defer r.Close()
	s := newSpool(streamsTo(int(w.Fd()), int(w.Fd()), false))
	for range 10 {
		s.write(toStdout, []byte("x"))
	}
	n := 0
	s.replay(func() bool { n++; return n > 3 })
	s.flush()
	w.Close()
	if got := must(io.ReadAll(r)); string(got) != "xxx" {
		t.Errorf("got %q", got)
	}
}

// streamsTo are streams that lead to these descriptors.
func streamsTo(out, err int, shared bool) *streams {
	s := &streams{places: [2]*place{{fd: out}, {fd: err}}}
	if shared {
		s.places[toStderr] = s.places[toStdout]
	}
	return s
}

func must2[A, B any](a A, b B, err error) (A, B) {
	if err != nil {
		panic(err)
	}
	return a, b
}
