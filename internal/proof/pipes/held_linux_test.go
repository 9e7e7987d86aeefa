package pipes_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
	"golang.org/x/sys/unix"
)

func init() {
	children["run-set-nonblock"] = setNonblock
	children["run-nonblock-sibling"] = nonblockSibling
}

func isNonblocking(fd int) bool {
	flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return flags&unix.O_NONBLOCK != 0
}

// setNonblock makes its standard output nonblocking and writes a line, some times.
// Each time it waits until that is undone, and then writes many lines, each of
// which must be taken.
func setNonblock(args []string) int {
	for i := range must(strconv.Atoi(args[0])) {
		unix.SetNonblock(1, true)
		for {
			if _, err := unix.Write(1, []byte("first\n")); err != unix.EAGAIN {
				break
			}
		}
		for start := time.Now(); isNonblocking(1); {
			if time.Since(start) > 30*time.Second {
				return checkFailed("round %d: it is still nonblocking", i)
			}
			time.Sleep(50 * time.Microsecond)
		}
		for j := range 500 {
			if _, err := unix.Write(1, []byte("line\n")); err != nil {
				return checkFailed("round %d, line %d: %v", i, j, err)
			}
		}
	}
	return 0
}

// A child that makes its output nonblocking gets a plain pipe in blocking mode, so
// it loses nothing after the first moment, however often it tries.
func TestNonblockingIsUndone(t *testing.T) {
	const times = 5
	m := muxtest.NewPipeMux(t)
	var text []byte
	for d, err := range m.OutputWith(childCommand("run-set-nonblock", strconv.Itoa(times)), (*exec.Cmd).Start) {
		if err != nil {
			t.Fatalf("%v after %d: %q", err, len(text), text[max(len(text)-90, 0):])
		}
		text = append(text, d.Data...)
	}
	if want := strings.Repeat("first\n"+strings.Repeat("line\n", 500), times); string(text) != want {
		t.Errorf("got %d bytes, want %d", len(text), len(want))
	}
	if !m.Nonblocking() {
		t.Error("it is not reported")
	}
}

// nonblockSibling makes its standard output nonblocking, writes a line, waits until
// that is undone, and runs a shell that shares it.
func nonblockSibling([]string) int {
	if code := setNonblock([]string{"1"}); code != 0 {
		return code
	}
	cmd := shell("i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); done")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return checkFailed("%v", err)
	}
	return 0
}

// Those who share the output lose nothing either.
func TestNonblockingSibling(t *testing.T) {
	m := muxtest.NewPipeMux(t)
	var text []byte
	for d, err := range m.OutputWith(childCommand("run-nonblock-sibling"), (*exec.Cmd).Start) {
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, d.Data...)
	}
	var want bytes.Buffer
	want.WriteString("first\n" + strings.Repeat("line\n", 500))
	for i := range 2000 {
		fmt.Fprintln(&want, i)
	}
	if !bytes.Equal(text, want.Bytes()) {
		t.Errorf("got %d bytes, want %d", len(text), want.Len())
	}
}

// Nothing is reported of a command that does nothing of the kind, whatever the Mux.
func TestNonblockingNot(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		wantPieces(t, m.Output(shell("echo a; echo b >&2")), "stdout a\n", "stderr b\n")
		if m.Nonblocking() {
			t.Error("nobody has made anything nonblocking")
		}
	})
}

// The write ends that are held while a command runs do not keep the end of output
// from coming when it has exited, though nobody has waited for it; nor do they
// let it come while another process has the output.
func TestHeldEnd(t *testing.T) {
	m := muxtest.NewPipeMux(t)
	for range rounds(50) {
		cmd := exec.Command("true")
		if err := m.Start(cmd, "out", "err"); err != nil {
			t.Fatal(err)
		}
		if d, err := readSoon(t, m); err != io.EOF {
			t.Fatalf("got %q of %s, %v, want the end", d.Data, d.Tag, err)
		}
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	cmd := straggler("read x <&3; echo $x", "exit 0")
	in, release := must2(os.Pipe())
	cmd.Stdin = in
	if err := m.Start(cmd, "out", "err"); err != nil {
		t.Fatal(err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if d, ok, err := m.TryRead(); ok || err != nil {
			t.Fatalf("got %q, %v while a process has the output", d.Data, err)
		}
	}
	release.WriteString("late\n")
	release.Close()
	wantRead(t, m, "out", "late\n")
	waitEnd(t, m)
}

// TryRead after a command was waited for gives all and the end, as ever.
func TestHeldTryRead(t *testing.T) {
	m := muxtest.NewPipeMux(t)
	for range rounds(50) {
		cmd := shell("echo a; echo b >&2")
		if err := m.Start(cmd, "out", "err"); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		wantTry(t, m, "out", "a\n")
		wantTry(t, m, "err", "b\n")
		if _, ok, err := m.TryRead(); ok || err != io.EOF {
			t.Fatalf("at the end: %t, %v", ok, err)
		}
	}
}

// A command that cannot be started leaves nothing held.
func TestHeldNotStarted(t *testing.T) {
	m := muxtest.NewPipeMux(t)
	before := len(openFiles())
	for range 20 {
		err := m.Start(exec.Command("/nonexistent"), "out", "err")
		if !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if _, err := readSoon(t, m); err != io.EOF {
			t.Fatal(err)
		}
	}
	if after := len(openFiles()); after > before {
		t.Errorf("%d descriptors more", after-before)
	}
}

// Whoever starts many commands and never reads leaves no more than those that run.
func TestHeldReclaimed(t *testing.T) {
	m := muxtest.NewPipeMux(t)
	most := 0
	for range 50 {
		cmd := exec.Command("true")
		if err := m.Start(cmd, "out", "err"); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		most = max(most, len(openFiles()))
	}
	if most > 60 {
		t.Errorf("%d descriptors", most)
	}
}
