package seccomp

import (
	"encoding/binary"
	"math"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Rule says what becomes of a system call.
type Rule struct {
	Call   uintptr // its number on this architecture, such as unix.SYS_IOCTL
	Where  []Match // all of them must hold; if it is empty, the rule holds for every such call
	Action uint32  // what the filter returns, such as unix.SECCOMP_RET_USER_NOTIF or Errno(0)
}

// A Match holds for a call one of whose arguments, after Mask, is one of
// Values. Only the lower 32 bits of the argument count: descriptors, requests
// and flags have no more, and the kernel ignores what is above.
type Match struct {
	Arg    int    // from 0
	Mask   uint32 // 0 means all bits
	Values []uint32
}

// Errno is the action that has a call return errno without being made. With 0 it
// seems to succeed.
func Errno(errno unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(errno) }

// architecture returns the value of struct seccomp_data's arch, see linux/audit.h;
// 0 if it is not known. It is no table, which every program would have to make at
// its start.
func architecture(goarch string) uint32 {
	switch goarch {
	case "386":
		return unix.AUDIT_ARCH_I386
	case "amd64":
		return unix.AUDIT_ARCH_X86_64
	case "arm":
		return unix.AUDIT_ARCH_ARM
	case "arm64":
		return unix.AUDIT_ARCH_AARCH64
	case "loong64":
		return unix.AUDIT_ARCH_LOONGARCH64
	case "mips":
		return unix.AUDIT_ARCH_MIPS
	case "mips64":
		return unix.AUDIT_ARCH_MIPS64
	case "mips64le":
		return unix.AUDIT_ARCH_MIPSEL64
	case "mipsle":
		return unix.AUDIT_ARCH_MIPSEL
	case "ppc64":
		return unix.AUDIT_ARCH_PPC64
	case "ppc64le":
		return unix.AUDIT_ARCH_PPC64LE
	case "riscv64":
		return unix.AUDIT_ARCH_RISCV64
	case "s390x":
		return unix.AUDIT_ARCH_S390X
	}
	return 0
}

// Where things are in struct seccomp_data. An argument has 64 bits everywhere.
const (
	numberAt = 0
	archAt   = 4
	argsAt   = 16
)

// Build makes the filter of rules. The first rule that holds for a call counts,
// and a call for which none holds is made as if there was no filter. So is
// every call in another convention than that of this program: those of 32-bit
// programs under a 64-bit one, and of x32 programs, whose numbers have a bit
// that no other has.
//
// A filter is short, at most 4,096 instructions; a rule takes three and two or
// three for each Match, and one more for each further value. The kernel (5.11 and
// later) remembers which numbers have no rule, and does not run it for them.
func Build(rules ...Rule) []unix.SockFilter {
	size := 4
	for _, r := range rules {
		size += r.size()
	}
	f := append(make([]unix.SockFilter, 0, size), load(archAt), jump(architecture(runtime.GOARCH), 1, 0), allow)
	for _, r := range rules {
		f = r.compile(f)
	}
	return append(f, allow)
}

var allow = unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}

func load(at uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
}

// jump compares what was loaded, and leaves out so many instructions.
func jump(k uint32, equal, otherwise int) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: k, Jt: offset(equal), Jf: offset(otherwise)}
}

func offset(n int) uint8 {
	if n > math.MaxUint8 {
		panic("seccomp: a rule is too long for a jump over it")
	}
	return uint8(n)
}

// compile appends the instructions of a rule. Those that find it not to hold jump
// behind its end.
func (r Rule) compile(f []unix.SockFilter) []unix.SockFilter {
	end := len(f) + r.size()
	f = append(f, load(numberAt))
	f = append(f, jump(uint32(r.Call), 0, end-len(f)-1))
	for _, m := range r.Where {
		f = m.compile(f, end)
	}
	return append(f, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: r.Action})
}

// size is how many instructions a rule has.
func (r Rule) size() int {
	n := 3
	for _, m := range r.Where {
		n += 1 + len(m.Values)
		if m.Mask != 0 {
			n++
		}
	}
	return n
}

// compile appends the instructions of a match of a rule that ends there.
func (m Match) compile(f []unix.SockFilter, end int) []unix.SockFilter {
	f = append(f, load(m.lower()))
	if m.Mask != 0 {
		f = append(f, unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: m.Mask})
	}
	for i, v := range m.Values {
		left := len(m.Values) - 1 - i
		miss := 0
		if left == 0 {
			miss = end - len(f) - 1
		}
		f = append(f, jump(v, left, miss))
	}
	return f
}

// lower is where the lower half of the argument is.
func (m Match) lower() uint32 {
	at := uint32(argsAt + 8*m.Arg)
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 { // big-endian
		at += 4
	}
	return at
}

// fprog is what the system calls take.
func fprog(filter []unix.SockFilter) unsafe.Pointer {
	return unsafe.Pointer(&unix.SockFprog{Len: uint16(len(filter)), Filter: unsafe.SliceData(filter)})
}
