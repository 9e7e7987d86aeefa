package main

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// restorable are the signals that iomux ignores again if they were ignored when it
// was started. SIGHUP and SIGINT are not among them, because os/signal handles those,
// nor are the signals that the Go runtime needs (SIGCHLD, SIGURG, SIGPROF, faults).
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

	// nearby is how much memory is searched for the table at first: it should come
	// soon after here. All that is copied is new memory, which costs more than to
	// look at it.
	nearby = 4 << 10

	// searched is how much is searched if it does not.
	searched = 16 << 10
)

// here is a variable that the linker puts just before the table, for it sorts
// variables by their size, and the table is larger by one word.
var here [numSignals - 1]uintptr

// ignoreAsBefore ignores the signals that were ignored when iomux was started, so
// that the command ignores them, too. If they cannot be found out, only SIGHUP and
// SIGINT stay ignored, which os/signal handles. SIGUSR1 and SIGUSR2, if they were not
// ignored, go to c from then on.
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
	if table, _ := changed(nearby, markers, c); table != nil {
		return table
	}
	table, at := changed(searched, slices.Concat(markers, spareMarker), make(chan os.Signal, 1)) // for nobody
	if at > nearby && table != nil {
		for _, m := range markers { // they are ignored since the first time
			table[m.(syscall.Signal)] = 0
		}
	}
	return table
}

// changed ignores the markers and then asks for them, and searches size bytes of
// memory, from here on, for the table in which that shows. It returns what the table
// contained before, and the offset of its end; nil if there is not exactly one.
func changed(size int, markers []os.Signal, c chan os.Signal) (table []uintptr, end int) {
	before := wordsFrom(&here[0], size)
	signal.Ignore(markers...)
	signal.Notify(c, markers...)
	after := wordsFrom(&here[0], size)
	last := int(markers[len(markers)-1].(syscall.Signal))
	for i := 0; i+numSignals <= min(len(before), len(after)); i++ {
		if before[i+last] == after[i+last] || !isTable(after[i:i+numSignals], markers) {
			continue
		}
		if table != nil {
			return nil, 0 // two of them
		}
		table, end = before[i:i+numSignals], (i+numSignals)*wordSize
	}
	return table, end
}

const wordSize = int(unsafe.Sizeof(uintptr(0)))

// wordsFrom returns a copy of the memory of that size from an address on. The system
// copies it: that cannot fault, and the race detector need not know.
func wordsFrom(from *uintptr, size int) []uintptr {
	words := make([]uintptr, size/wordSize)
	local := []unix.Iovec{{Base: (*byte)(unsafe.Pointer(&words[0]))}}
	local[0].SetLen(size)
	remote := []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(from)), Len: size}}
	n, err := unix.ProcessVMReadv(unix.Getpid(), local, remote, 0)
	if err != nil {
		return nil
	}
	return words[:n/wordSize]
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
