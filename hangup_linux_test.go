package iomux_test

import (
	"testing"

	"github.com/seed-5082a588/iomux"
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
