package iomux_test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-5082a588/iomux"
	"golang.org/x/sys/unix"
)

// A reader that waits may have found the hangup of a sender that MakeSender then
// forgets. It must not take it for that of a new sender with the same
// descriptor.
func TestHangupIsOfOneSender(t *testing.T) {
	watch(t)
	leakCheck(t)
	m := must(iomux.New())
	defer m.Close()
	stays := newSender(t, m, "stays")
	read := inBackground(func() string { d, _ := m.Read(); return d.Tag })
	for range rounds(5000) {
		f := must(m.MakeSender())
		if n := m.Unwatched(); n > 0 {
			t.Fatalf("%d senders are watched no more", n)
		}
		f.Close()
	}
	send(t, stays, "data")
	if tag := <-read; tag != "stays" {
		t.Errorf("got %q", tag)
	}
}

// The pipe that watches over a sender is as small as a pipe can be, for all the
// pages of a user's pipes count together.
func TestHangupPipeIsSmall(t *testing.T) {
	watch(t)
	leakCheck(t)
	m := must(iomux.New())
	defer m.Close()
	before := openFiles()
	newSender(t, m, "x")
	pipes := 0
	for _, file := range openFiles() {
		number, name, _ := strings.Cut(file, "=")
		if slices.Contains(before, file) || !strings.HasPrefix(name, "pipe:") {
			continue
		}
		pipes++
		fd := must(strconv.Atoi(number))
		if size := must(unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0)); size != os.Getpagesize() {
			t.Errorf("it takes %d bytes", size)
		}
	}
	if pipes != 1 {
		t.Errorf("a sender has %d pipes", pipes)
	}
}
