package iomux_test

import (
	"os"
	"runtime"
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
	for range rounds(2000) {
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

// onThread runs f on a thread that ends with it, whatever f does to it.
func onThread[T any](f func() T) T {
	return <-inBackground(func() T {
		runtime.LockOSThread()
		return f()
	})
}

// A sender that was made in another network namespace lives until it is closed
// there, also if its child reads from it.
func TestSenderOfOtherNamespace(t *testing.T) {
	watch(t)
	leakCheck(t)
	m, err := iomux.New()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	type result struct {
		f   *os.File
		err error
	}
	r := onThread(func() (r result) {
		if r.err = unix.Unshare(unix.CLONE_NEWNET); r.err == nil {
			r.f, r.err = m.MakeTaggedSender("far")
		}
		return r
	})
	if r.err != nil {
		t.Skip("no other network namespace: ", r.err)
	}
	defer r.f.Close()
	send(t, r.f, "one")
	wantRead(t, m, "far", "one")
	// What tells of its end goes, as if it had been closed.
	if _, _, err := unix.Recvfrom(int(r.f.Fd()), make([]byte, 10), unix.MSG_DONTWAIT); err != nil {
		t.Skip("there is nothing to swallow: ", err)
	}
	wantNothing(t, m)
	send(t, r.f, "two")
	wantRead(t, m, "far", "two")
	r.f.Close()
	if d, err := m.Read(); err == nil {
		t.Errorf("read %q after the end", d.Data)
	}
}

// Senders that come and go while nobody reads keep no descriptors, also while a message
// lies in the queue.
func TestHangupsOfClosedSenders(t *testing.T) {
	leakCheck(t)
	m := must(iomux.NewAbstract())
	defer m.Close()
	stays := newSender(t, m, "stays")
	must(stays.Write([]byte("unread")))
	before := len(openFiles())
	for i := range rounds(300) {
		must(m.MakeSender()).Close()
		if n := len(openFiles()); n > before+8 {
			t.Fatalf("after %d senders there are %d descriptors, there were %d", i+1, n, before)
		}
	}
}
