//go:build linux || (unix && experimental_unix)

package muxtest

import (
	"bytes"
	"io"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
)

// RefusedWrite is what a write to a socket gets whose peer is closed.
var RefusedWrite error = unix.ECONNREFUSED

// NewSender makes a sender that is closed at the end of the test.
func NewSender(t testing.TB, m *iomux.Mux, tag string) *os.File {
	t.Helper()
	f, err := m.MakeTaggedSender(tag)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// Send writes data, which must not need to wait for a reader.
func Send(t testing.TB, f *os.File, data string) {
	t.Helper()
	if _, err := f.WriteString(data); err != nil {
		t.Fatalf("write to %.40q: %v", f.Name(), err)
	}
}

// WantRead reads, and wants this.
func WantRead(t testing.TB, m *iomux.Mux, tag, data string) {
	t.Helper()
	d, err := m.Read()
	if err != nil || d.Tag != tag || string(d.Data) != data {
		t.Fatalf("read %.40q %.40q, %v, want %.40q %.40q", d.Tag, d.Data, err, tag, data)
	}
}

// WantTry tries to read, and wants this.
func WantTry(t testing.TB, m *iomux.Mux, tag, data string) {
	t.Helper()
	d, ok, err := m.TryRead()
	if err != nil || !ok || d.Tag != tag || string(d.Data) != data {
		t.Fatalf("tried to read: %.40q %.40q, %v, %v, want %.40q %.40q", d.Tag, d.Data, ok, err, tag, data)
	}
}

// WantNothing wants that there is nothing to read, and not the end either.
func WantNothing(t testing.TB, m *iomux.Mux) {
	t.Helper()
	if d, ok, err := m.TryRead(); ok || err != nil {
		t.Fatalf("tried to read: %.40q %.40q, %v, %v, want nothing", d.Tag, d.Data, ok, err)
	}
}

// WantEnd wants the end of output, now.
func WantEnd(t testing.TB, m *iomux.Mux) {
	t.Helper()
	if d, ok, err := m.TryRead(); ok || err != io.EOF {
		t.Fatalf("tried to read: %.40q %.40q, %v, %v, want io.EOF", d.Tag, d.Data, ok, err)
	}
	WaitEnd(t, m)
}

// WaitEnd wants the end of output, and nothing before it.
func WaitEnd(t testing.TB, m *iomux.Mux) {
	t.Helper()
	if d, err := m.Read(); err != io.EOF {
		t.Fatalf("read %.40q %.40q, %v, want io.EOF", d.Tag, d.Data, err)
	}
}

// LargestWrite returns how much one write to f can take.
func LargestWrite(t testing.TB, k Kind, f *os.File) int {
	t.Helper()
	if k.Pipe {
		return 1 << 20
	}
	size, err := unix.GetsockoptInt(int(f.Fd()), unix.SOL_SOCKET, unix.SO_SNDBUF)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getpagesize() != 4096 {
		return min(size-32, 8_388_576)
	}
	return min(size-32, 4_263_616)
}

// ReadWrite reads what one write of want has brought.
func ReadWrite(t testing.TB, k Kind, m *iomux.Mux, tag string, want []byte) {
	t.Helper()
	if k.Pipe && len(want) > os.Getpagesize() {
		ReadPieces(t, m, tag, want)
		return
	}
	d, err := m.Read()
	if err != nil || d.Tag != tag || !bytes.Equal(d.Data, want) {
		t.Fatalf("read %d bytes of %q, %v, want %d of %q", len(d.Data), d.Tag, err, len(want), tag)
	}
	if cap(d.Data) != len(d.Data) {
		t.Fatalf("cap of %d bytes is %d: append would write over what comes next", len(d.Data), cap(d.Data))
	}
}

// ReadPieces reads what came through a pipe, at most a page at a time.
func ReadPieces(t testing.TB, m *iomux.Mux, tag string, want []byte) {
	t.Helper()
	for len(want) > 0 {
		d, err := m.Read()
		if err != nil || d.Tag != tag || len(d.Data) == 0 || len(d.Data) > os.Getpagesize() || !bytes.HasPrefix(want, d.Data) {
			t.Fatalf("read %d bytes of %q, %v, want the next of %d", len(d.Data), d.Tag, err, len(want))
		}
		want = want[len(d.Data):]
	}
}

// Stopped waits until a write to f would have to wait.
func Stopped(t testing.TB, f *os.File, k Kind) {
	for {
		fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLOUT}}
		if _, err := unix.Poll(fds, 0); err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
		if fds[0].Revents&unix.POLLOUT == 0 {
			return
		}
		runtime.Gosched()
	}
}
