//go:build amd64 || arm64

package tty

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux/internal/seccomp"
)

// sizeOfNobody stands at a fixed address, unlike what may be on a stack.
var sizeOfNobody unix.Winsize

// A question whose asker is gone is not answered, although the number of that
// thread is another's by now who has the terminal as well: here this process, for
// a question that nobody waits for.
func TestReusedNumber(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	in, release, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	cmd := exec.Command("cat") // the filter lives as long
	cmd.Stdin, cmd.Stdout = in, w
	senders, err := sendersOf(cmd)
	if err != nil {
		t.Fatal(err)
	}
	s := newSupervisor(&Terminal{Rows: 7, Cols: 70}, senders)
	err = seccomp.OnThread(func() error {
		if err := s.begin(seccomp.Build(rules(cmd)...), w); err != nil {
			return err
		}
		return cmd.Start()
	}, nil)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	defer func() {
		release.Close()
		cmd.Wait()
		<-s.done
	}()

	size := &sizeOfNobody
	*size = unix.Winsize{}
	address := uint64(uintptr(unsafe.Pointer(size)))
	q := &question{id: 1 << 60, tid: uint32(unix.Gettid()), nr: unix.SYS_IOCTL}
	q.args = [6]uint64{uint64(w.Fd()), tiocgwinsz, address}
	if a := s.answer(q); a != makeCall || *size != (unix.Winsize{}) {
		t.Errorf("the answer is %+v, and %+v was written", a, *size)
	}
	// Nothing else would have kept it from being written.
	dir, err := unix.Open("/proc/self", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	a := &asker{dir, -1}
	defer a.close()
	if !a.open() {
		t.Fatal("the memory of this process cannot be opened")
	}
	if s.control(a, q); size.Row != 7 || size.Col != 70 {
		t.Errorf("without the check %+v is written", *size)
	}
}
