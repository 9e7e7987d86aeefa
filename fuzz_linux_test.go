//go:build !test_portable

package iomux

import (
	"bytes"
	"encoding/binary"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A fence is memory between two pages that fault when they are touched.
type fence struct{ mem []byte }

func newFence(t testing.TB) fence {
	t.Helper()
	page := os.Getpagesize()
	mem, err := unix.Mmap(-1, 0, 3*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	for _, side := range [][]byte{mem[:page], mem[2*page:]} {
		if err := unix.Mprotect(side, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return fence{mem}
}

// controls gives a control buffer right behind the first fence, and one right
// before the second.
func (f fence) controls() [2]*control {
	page, size := os.Getpagesize(), int(unsafe.Sizeof(control{}))
	return [2]*control{
		(*control)(unsafe.Pointer(&f.mem[page])),
		(*control)(unsafe.Pointer(&f.mem[2*page-size])),
	}
}

func (c *control) bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(c)), unsafe.Sizeof(*c))
}

// A said is what a control buffer says.
type said struct {
	time time.Time
	pid  int
	fds  []int
}

func wordOf(b []byte) int64 {
	if wordSize == 8 {
		return int64(binary.NativeEndian.Uint64(b))
	}
	return int64(int32(binary.NativeEndian.Uint32(b)))
}

// modelControl is what control.read has to find, by way of slices, which no
// wrong length can lead outside.
func modelControl(buf []byte) (s said) {
	const head, align = int(cmsgHead), int(wordSize)
	for len(buf) >= head {
		length := wordOf(buf)
		if length < int64(head) || length > int64(len(buf)) {
			break
		}
		level := int32(binary.NativeEndian.Uint32(buf[align:]))
		kind := int32(binary.NativeEndian.Uint32(buf[align+4:]))
		data := buf[head:length]
		switch {
		case level != unix.SOL_SOCKET:
		case kind == unix.SCM_TIMESTAMPNS && len(data) >= 2*align:
			s.time = time.Unix(wordOf(data), wordOf(data[align:]))
		case kind == unix.SCM_CREDENTIALS && len(data) >= 12:
			s.pid = int(int32(binary.NativeEndian.Uint32(data)))
		case kind == unix.SCM_RIGHTS:
			for ; len(data) >= 4; data = data[4:] {
				s.fds = append(s.fds, int(int32(binary.NativeEndian.Uint32(data))))
			}
		}
		buf = buf[min(len(buf), (int(length)+align-1)/align*align):]
	}
	return s
}

// record gives a control message of a claimed length, 0 for the right one.
func record(kind int32, length int, data ...byte) []byte {
	var h unix.Cmsghdr
	h.Level, h.Type = unix.SOL_SOCKET, kind
	h.SetLen(int(cmsgHead) + len(data))
	if length != 0 {
		h.SetLen(length)
	}
	b := slices.Clone(unsafe.Slice((*byte)(unsafe.Pointer(&h)), unix.SizeofCmsghdr))
	return append(append(b, make([]byte, int(cmsgHead)-len(b))...), data...)
}

func timeRecord(sec, nsec int64) []byte {
	var ts unix.Timespec
	setInt(&ts.Sec, sec)
	setInt(&ts.Nsec, nsec)
	return record(unix.SCM_TIMESTAMPNS, 0, unsafe.Slice((*byte)(unsafe.Pointer(&ts)), unsafe.Sizeof(ts))...)
}

// setInt sets an integer whose size depends on the processor.
func setInt[T int32 | int64](at *T, v int64) { *at = T(v) }

func credRecord(pid int32) []byte {
	cred := unix.Ucred{Pid: pid, Uid: 1, Gid: 2}
	return record(unix.SCM_CREDENTIALS, 0, unsafe.Slice((*byte)(unsafe.Pointer(&cred)), unsafe.Sizeof(cred))...)
}

func padded(b []byte) []byte {
	return append(b, make([]byte, -len(b)&int(wordSize-1))...)
}

// Whatever lies in a control buffer, and however much of it is said to be
// there: nothing outside is read, no descriptor is taken for one that is not in
// a record of descriptors, and the time and the process are those of the
// records. The descriptors are written down and not closed.
func FuzzControl(f *testing.F) {
	room := int(unsafe.Sizeof(control{}))
	f.Add([]byte{}, 0)
	f.Add(slices.Concat(timeRecord(1, 2), padded(credRecord(3))), room)
	f.Add(slices.Concat(padded(credRecord(3)), timeRecord(1, 2)), room)
	f.Add(slices.Concat(padded(record(unix.SCM_RIGHTS, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3)), credRecord(3)), room)
	f.Add(slices.Concat(padded(credRecord(3)), record(unix.SCM_RIGHTS, 1<<(strconv.IntSize-1)-1, 9, 0, 0, 0)), room)
	f.Add(slices.Concat(padded(credRecord(3)), record(unix.SCM_RIGHTS, 1+int(cmsgHead)+4, 9, 0, 0, 0)), room)
	f.Add(timeRecord(-62135596800, 0), room) // the zero Time
	f.Add(slices.Concat(timeRecord(1, 1<<62), record(unix.SCM_TIMESTAMPNS, 0, 1, 2, 3)), 1<<30)
	memory := newFence(f)
	f.Fuzz(func(t *testing.T, raw []byte, n int) {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		for _, c := range memory.controls() {
			buf := c.bytes()
			clear(buf)
			copy(buf, raw)
			want := modelControl(buf[:min(max(n, 0), len(buf))])
			checkControl(t, c, n, want)
		}
	})
}

func checkControl(t *testing.T, c *control, n int, want said) {
	t.Helper()
	before := bytes.Clone(c.bytes())
	var m message
	var fds []int
	now := time.Now()
	c.read(n, &m, func(fd int) { fds = append(fds, fd) })
	if m.pid != want.pid || !slices.Equal(fds, want.fds) {
		t.Errorf("process %d, descriptors %v, want %d, %v", m.pid, fds, want.pid, want.fds)
	}
	if want.time.IsZero() {
		if m.time.Before(now) || time.Since(m.time) < 0 {
			t.Errorf("time %v, want that of the call, %v", m.time, now)
		}
	} else if !m.time.Equal(want.time) {
		t.Errorf("time %v, want %v", m.time, want.time)
	}
	if !bytes.Equal(c.bytes(), before) {
		t.Error("the buffer was changed")
	}
}

// Records as the kernel makes them, in any order, and cut at any place, give
// their time and process, but for what is cut.
func FuzzControlRecords(f *testing.F) {
	f.Add(int64(0), int64(0), int32(0), false, uint8(0))
	f.Add(int64(1700000000), int64(999_999_999), int32(4194304), false, uint8(0))
	f.Add(int64(-1), int64(1), int32(-1), true, uint8(1))
	f.Add(int64(1<<40), int64(5), int32(1), true, uint8(33))
	memory := newFence(f)
	f.Fuzz(func(t *testing.T, sec, nsec int64, pid int32, credFirst bool, cut uint8) {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		if wordSize == 4 {
			sec, nsec = int64(int32(sec)), int64(int32(nsec))
		}
		at, cred := timeRecord(sec, nsec), credRecord(pid)
		ends := []int{len(at), len(padded(at)) + len(cred)} // of time, of cred
		raw := slices.Concat(padded(at), cred)
		if credFirst {
			ends = []int{len(padded(cred)) + len(at), len(cred)}
			raw = slices.Concat(padded(cred), at)
		}
		n := max(len(raw)-int(cut), 0)
		var want said
		if ends[0] <= n {
			want.time = time.Unix(sec, nsec)
		}
		if ends[1] <= n {
			want.pid = int(pid)
		}
		for _, c := range memory.controls() {
			clear(c.bytes())
			copy(c.bytes(), raw)
			checkControl(t, c, n, want)
		}
	})
}

// fuzzAddr is the address of the one sender in the fuzzing of addresses.
const fuzzAddr = "\x00iomux-ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// An address that the kernel tells with a message, of any length, cut, with any
// bytes: it is that of the sender if it is equal in length and in every byte,
// and of nobody else.
func FuzzAddress(f *testing.F) {
	whole := append([]byte{unix.AF_UNIX, 0}, fuzzAddr...)
	f.Add(whole, uint32(rawNameLen))
	f.Add(whole, uint32(rawNameLen-1))
	f.Add(whole, uint32(rawNameLen+1))
	f.Add(whole, uint32(0))
	f.Add(append([]byte{unix.AF_UNIX, 0}, fuzzAddr[1:]+"\x00"...), uint32(rawNameLen))
	f.Add(append([]byte{unix.AF_UNIX, 0}, "/tmp/socket"...), uint32(14))
	f.Add([]byte{unix.AF_UNIX, 0}, uint32(2))
	f.Add(whole, ^uint32(0))
	f.Fuzz(func(t *testing.T, raw []byte, length uint32) {
		b := newBatch()
		b.single = true
		b.choose()
		b.iovs[0].Base = &b.room[0]
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&b.names[0])), rawNameLen), raw)
		b.hdrs[0].Namelen = length
		b.received(0)
		m := b.msgs[0]
		if len(m.data) != 0 || m.pid != 0 {
			t.Fatalf("got %v", m)
		}
		var senders table
		s := &sender{addr: fuzzAddr}
		senders.add(s)
		name := make([]byte, rawNameLen)
		copy(name, raw)
		equal := length == rawNameLen && string(name[2:]) == fuzzAddr
		if found := senders.find(m.from); equal != (found == s) || !equal && found != nil {
			t.Errorf("address %q of %d bytes: found %v, equal: %v", raw, length, found, equal)
		}
	})
}

// A stranger with an address of any bytes, or of a sender's but for some of
// them, who sends to the receive end itself, is not heard.
func FuzzStranger(f *testing.F) {
	f.Add(uint8(0), []byte(""), []byte("data"))
	f.Add(uint8(33), []byte("\x00"), []byte("data"))
	f.Add(uint8(32), []byte(""), []byte("data"))
	f.Add(uint8(10), []byte("\x00\x00\x00"), []byte(""))
	f.Add(uint8(0), []byte("\x00iomux-ABCDEFGHIJKLMNOPQRSTUVWXYZ"), bytes.Repeat([]byte("x"), 5000))
	f.Fuzz(func(t *testing.T, keep uint8, rest, data []byte) {
		m, err := NewAbstract()
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		own, err := m.MakeTaggedSender("own")
		if err != nil {
			t.Fatal(err)
		}
		defer own.Close()
		theirs := senderName(m)
		name := append([]byte(theirs[:min(int(keep), len(theirs))]), rest...)
		if !sendFrom(t, name, m.t.(*datagrams).addr.socket, data) {
			return
		}
		if d, ok, err := m.TryRead(); ok || err != nil {
			t.Fatalf("heard %q from %q, %v", d.Data, name, err)
		}
		if _, err := own.WriteString("own"); err != nil {
			t.Fatal(err)
		}
		if d, ok, err := m.TryRead(); !ok || d.Tag != "own" || string(d.Data) != "own" {
			t.Fatalf("got %q %q, %v, %v", d.Tag, d.Data, ok, err)
		}
	})
}

// senderName is the address of the only sender of m.
func senderName(m *Mux) string {
	for addr := range m.t.(*datagrams).table.rows {
		return addr
	}
	return ""
}

// sendFrom sends data from an abstract address, of those bytes after the first,
// which is NUL. It tells whether the kernel took it.
func sendFrom(t *testing.T, name []byte, to string, data []byte) bool {
	t.Helper()
	fd, err := newSocket(unix.SOCK_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	raw := unix.RawSockaddrUnix{Family: unix.AF_UNIX}
	path := unsafe.Slice((*byte)(unsafe.Pointer(&raw.Path)), len(raw.Path))
	n := copy(path, name)
	path[0] = 0
	_, _, errno := unix.Syscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&raw)), uintptr(2+n))
	if errno != 0 {
		return false // another has it: that of the sender itself
	}
	return unix.Sendto(fd, data, 0, &unix.SockaddrUnix{Name: to}) == nil
}
