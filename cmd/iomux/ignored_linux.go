package main

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// restorable are the signals whose being ignored at the start iomux restores,
// beside SIGHUP and SIGINT: os/signal cares for those. It leaves out the ones
// that the Go runtime needs (SIGCHLD, SIGURG, SIGPROF, and the faults).
var restorable = []syscall.Signal{
	unix.SIGQUIT, unix.SIGABRT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGPIPE, unix.SIGALRM, unix.SIGTERM,
	unix.SIGXCPU, unix.SIGXFSZ, unix.SIGVTALRM, unix.SIGWINCH, unix.SIGIO, unix.SIGPWR,
}

// The Go runtime takes over all signals before the first line of a program runs,
// and the kernel forgets what they did before. The runtime keeps that in a table
// of its own, a word for each signal, which no function gives access to. But
// os/signal changes it: a signal that is ignored and then asked for is in there
// as ignored. So the table is the place in the runtime's memory where that can be
// seen to happen to the markers, and to no other signal.
var (
	markers = []os.Signal{unix.SIGUSR1, unix.SIGUSR2} // which are asked for anyway
	// spareMarker is for the case that iomux was started with both ignored, so
	// that nothing changes. Nobody uses it. Each signal that is asked for costs
	// two switches between threads.
	spareMarker = []os.Signal{syscall.Signal(50)}
)

const (
	firstRealTime = 35 // the first one that os/signal can ignore
	numSignals    = 65
	actionIgnore  = 1 // SIG_IGN; SIG_DFL is 0

	// searched is how much memory may be between here and the end of the table.
	// The linker sorts variables by their size; there are 5 KiB of smaller ones.
	searched = 16 << 10
)

// here is a variable that the linker puts before the table, being so small.
var here byte

// ignoreAsBefore has the signals ignored again that iomux was started with
// ignoring, so that the command ignores them, too. If that cannot be found out,
// it is nothing but SIGHUP and SIGINT, which os/signal cares for. SIGUSR1 and
// SIGUSR2 go to c otherwise: before this they had no effect.
func ignoreAsBefore(c chan os.Signal) {
	table := firstActions(c)
	if table == nil {
		return
	}
	for _, sig := range restorable {
		if table[sig] == actionIgnore {
			signal.Ignore(sig)
		}
	}
}

// firstActions returns what each signal did when iomux started, by number:
// actionIgnore or something else; nil if that cannot be found out. SIGUSR1 and
// SIGUSR2 go to c from then on.
func firstActions(c chan os.Signal) []uintptr {
	before := wordsFrom(&here)
	if table := changed(before, markers, c); table != nil {
		return table
	}
	return changed(before, slices.Concat(markers, spareMarker), make(chan os.Signal, 1)) // for nobody
}

// changed asks for the signals in such a way that it can be seen, and returns where
// in the words from here that has changed something, as it was before.
func changed(before []uintptr, markers []os.Signal, c chan os.Signal) (table []uintptr) {
	signal.Ignore(markers...)
	signal.Notify(c, markers...)
	after := wordsFrom(&here)
	last := int(markers[len(markers)-1].(syscall.Signal))
	for i := 0; i+numSignals <= min(len(before), len(after)); i++ {
		if before[i+last] == after[i+last] || !isTable(after[i:i+numSignals], markers) {
			continue
		}
		if table != nil {
			return nil // two of them
		}
		table = before[i : i+numSignals]
	}
	return table
}

// wordsFrom returns a copy of the memory from an address on. The system copies
// it: that cannot fault, and the race detector need not know.
func wordsFrom(from *byte) []uintptr {
	const size = unsafe.Sizeof(uintptr(0))
	words := make([]uintptr, searched/size)
	address := uintptr(unsafe.Pointer(from)) &^ (size - 1)
	local := []unix.Iovec{{Base: (*byte)(unsafe.Pointer(&words[0]))}}
	local[0].SetLen(searched)
	n, err := unix.ProcessVMReadv(unix.Getpid(), local, []unix.RemoteIovec{{Base: address, Len: searched}}, 0)
	if err != nil {
		return nil
	}
	return words[:n/int(size)]
}

// isTable reports whether the markers are ignored in what may be the table, and
// nothing that nobody ignores.
func isTable(words []uintptr, markers []os.Signal) bool {
	for _, m := range markers {
		if words[m.(syscall.Signal)] != actionIgnore {
			return false
		}
	}
	for sig, w := range words {
		never := sig == 0 || sig == int(unix.SIGKILL) || sig == int(unix.SIGSTOP) || sig >= firstRealTime
		if never && w != 0 && !slices.Contains(markers, os.Signal(syscall.Signal(sig))) {
			return false
		}
	}
	return true
}
