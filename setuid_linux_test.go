package iomux_test

import (
	"os"
	"syscall"
	"testing"

	"github.com/seed-5082a588/iomux"
)

func init() { children["run-setuid"] = makeSenderAfterSetuid }

// makeSenderAfterSetuid makes a Mux as root and a sender as somebody else.
func makeSenderAfterSetuid([]string) int {
	m, err := iomux.New()
	if err != nil {
		return checkFailed("%v", err)
	}
	if err := syscall.Setuid(65534); err != nil {
		return checkFailed("%v", err)
	}
	s, err := m.MakeTaggedSender("later")
	if err != nil {
		return checkFailed("%v", err)
	}
	s.WriteString("hi")
	if d, err := m.Read(); err != nil || string(d.Data) != "hi" || d.Tag != "later" {
		return checkFailed("%q of %q, %v", d.Data, d.Tag, err)
	}
	return 0
}

// A process that gives up root after New makes senders all the same.
func TestSetuidAfterNew(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	runCheck(t, "run-setuid")
}
