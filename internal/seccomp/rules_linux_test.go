package seccomp_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/seed-5082a588/iomux/internal/seccomp"
	"golang.org/x/sys/unix"
)

// A call is a struct seccomp_data.
type call struct {
	number uint32
	arch   uint32
	args   [6]uint64
}

func (c call) bytes() []byte {
	b := binary.NativeEndian.AppendUint32(nil, c.number)
	b = binary.NativeEndian.AppendUint32(b, c.arch)
	b = binary.NativeEndian.AppendUint64(b, 0)
	for _, a := range c.args {
		b = binary.NativeEndian.AppendUint64(b, a)
	}
	return b
}

// run does what the kernel does with a filter.
func run(t *testing.T, filter []unix.SockFilter, c call) uint32 {
	data, a := c.bytes(), uint32(0)
	for pc := 0; pc < len(filter); pc++ {
		switch f := filter[pc]; f.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			a = binary.NativeEndian.Uint32(data[f.K:])
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			a &= f.K
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			if a == f.K {
				pc += int(f.Jt)
			} else {
				pc += int(f.Jf)
			}
		case unix.BPF_RET | unix.BPF_K:
			return f.K
		default:
			t.Fatalf("instruction %d: unknown code %#x", pc, f.Code)
		}
	}
	t.Fatal("the filter has no end")
	return 0
}

func thisArch(t *testing.T) uint32 {
	arch := seccomp.Architecture(runtime.GOARCH)
	if arch == 0 {
		t.Skip("unknown architecture")
	}
	return arch
}

// Any rules, and any calls: the first rule that holds counts.
func TestBuild(t *testing.T) {
	arch := thisArch(t)
	random := rand.New(rand.NewPCG(1, 2))
	few := func() uint32 { return random.Uint32N(4) }
	for range 3000 {
		rules := make([]seccomp.Rule, random.IntN(5))
		for i := range rules {
			r := seccomp.Rule{Call: uintptr(few()), Action: seccomp.Errno(unix.Errno(random.IntN(100)))}
			for range random.IntN(4) {
				m := seccomp.Match{Arg: random.IntN(6), Mask: few(), Values: []uint32{few()}}
				for range random.IntN(3) {
					m.Values = append(m.Values, few())
				}
				r.Where = append(r.Where, m)
			}
			rules[i] = r
		}
		filter := seccomp.Build(rules...)
		for range 30 {
			c := call{number: few(), arch: arch}
			for i := range c.args {
				c.args[i] = uint64(few()) | uint64(few())<<32
			}
			if got, want := run(t, filter, c), expected(rules, c); got != want {
				t.Fatalf("%+v\n%+v: %#x, want %#x", rules, c, got, want)
			}
			c.arch ^= 1 << 30
			if got := run(t, filter, c); got != unix.SECCOMP_RET_ALLOW {
				t.Fatalf("another architecture: %#x", got)
			}
		}
	}
}

func expected(rules []seccomp.Rule, c call) uint32 {
rules:
	for _, r := range rules {
		if c.number != uint32(r.Call) {
			continue
		}
	matches:
		for _, m := range r.Where {
			a := uint32(c.args[m.Arg])
			if m.Mask != 0 {
				a &= m.Mask
			}
			for _, v := range m.Values {
				if a == v {
					continue matches
				}
			}
			continue rules
		}
		return r.Action
	}
	return unix.SECCOMP_RET_ALLOW
}

// What the rules of KeepBlocking let through and what not, for a standard output that
// is a pipe and a standard error that is none.
func TestKeepBlocking(t *testing.T) {
	arch := thisArch(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	cmd := exec.Command("true")
	cmd.Stdout = w
	filter := seccomp.Build(seccomp.KeepBlocking(cmd)...)

	const (
		nothing = unix.SECCOMP_RET_ERRNO
		allowed = unix.SECCOMP_RET_ALLOW
		block   = unix.O_NONBLOCK
		marked  = unix.O_NOATIME | unix.O_WRONLY | unix.O_DIRECT
	)
	fcntl := func(args ...uint64) []uint64 { return append([]uint64{unix.SYS_FCNTL}, args...) }
	ioctl := func(args ...uint64) []uint64 { return append([]uint64{unix.SYS_IOCTL}, args...) }
	high := uint64(1) << 32
	for _, test := range []struct {
		call []uint64
		want uint32
	}{
		{ioctl(1, uint64(seccomp.FIONBIO), 123), nothing},
		{ioctl(2, uint64(seccomp.FIONBIO), 123), nothing},
		{ioctl(2|high, uint64(seccomp.FIONBIO)|high, 123), nothing},
		{ioctl(0, uint64(seccomp.FIONBIO), 123), allowed},
		{ioctl(3, uint64(seccomp.FIONBIO), 123), allowed},
		{ioctl(1, unix.TCGETS, 123), allowed},
		{fcntl(1, unix.F_SETFL, marked|block), nothing},
		{fcntl(2, unix.F_SETFL, marked|block|unix.O_APPEND), nothing},
		{fcntl(7, unix.F_SETFL, marked|block|unix.O_APPEND), nothing},
		{fcntl(7, unix.F_SETFL, marked|unix.O_APPEND), allowed},
		{fcntl(1, unix.F_SETFL, marked), allowed},
		{fcntl(2, unix.F_SETFL, 0), allowed},
		{fcntl(1, unix.F_SETFL, block), nothing},
		{fcntl(7, unix.F_SETFL, block), allowed},
		{fcntl(1, unix.F_SETFL, unix.O_RDWR|block), allowed}, // a socket in its place
		{fcntl(2, unix.F_SETFL, unix.O_RDWR|block), nothing}, // not marked
		{fcntl(2, unix.F_SETFL, unix.O_RDWR), allowed},
		{fcntl(1, unix.F_GETFL, marked|block), allowed},
		{fcntl(1, unix.F_SETFD, unix.FD_CLOEXEC|block), allowed},
		{[]uint64{unix.SYS_PWRITEV2, 5, 1, 1, 0, 0, unix.RWF_NOWAIT | unix.RWF_HIPRI}, nothing | uint32(unix.EOPNOTSUPP)},
		{[]uint64{unix.SYS_PWRITEV2, 5, 1, 1, 0, 0, unix.RWF_HIPRI}, allowed},
		{[]uint64{unix.SYS_PREADV2, 5, 1, 1, 0, 0, unix.RWF_NOWAIT}, allowed},
		{[]uint64{unix.SYS_WRITE, 1, 1, unix.RWF_NOWAIT, 0, 0, unix.RWF_NOWAIT}, allowed},
	} {
		t.Run(fmt.Sprintf("%#x", test.call), func(t *testing.T) {
			c := call{number: uint32(test.call[0]), arch: arch}
			copy(c.args[:], test.call[1:])
			if got := run(t, filter, c); got != test.want {
				t.Errorf("%#x, want %#x", got, test.want)
			}
			c.arch ^= 1
			if got := run(t, filter, c); got != unix.SECCOMP_RET_ALLOW {
				t.Errorf("another architecture: %#x", got)
			}
			c.arch ^= 1
			if c.number |= 1 << 30; run(t, filter, c) != unix.SECCOMP_RET_ALLOW {
				t.Error("x32 is not let through")
			}
		})
	}
}
