package main

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
)

// What is there already is written with one system call, not one a piece.
func TestGather(t *testing.T) {
	watch(t)
	var p [2]int // keeps each write apart
	if err := unix.Pipe2(p[:], unix.O_DIRECT|unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Skip(err)
	}
	defer unix.Close(p[0])
	defer unix.Close(p[1])
	out := streamsTo(p[1], p[1], true)
	mux := must(iomux.New())
	defer mux.Close()
	j := newJob(&options{color: "never", maxLine: defaultMaxLine}, mux, out, &copies{out: out})
	defer j.stop(nil)
	sender := must(mux.MakeTaggedSender(iomux.Stdout))
	want := ""
	for i := range 8 { // the queue takes 11
		fmt.Fprintf(sender, "line %d\n", i)
		want += fmt.Sprintf("line %d\n", i)
	}
	sender.Close()
	if err := j.show(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := unix.Read(p[0], buf)
	if err != nil || string(buf[:n]) != want {
		t.Errorf("first write: %q, %v, want %q", buf[:max(n, 0)], err, want)
	}
	if n, err := unix.Read(p[0], buf); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("another write: %q, %v", buf[:max(n, 0)], err)
	}
}
