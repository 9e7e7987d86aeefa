//go:build amd64 || arm64

package storms_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync"
	"testing"
	"unsafe"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
	"golang.org/x/sys/unix"
)

func init() { muxtest.Children["signalStorm"] = signalStorm }

// interrupt has SIGUSR1 interrupt system calls with EINTR. Go's handler, which
// stays, asks for them to be made again (SA_RESTART); a C library in the program
// need not.
func interrupt() {
	signal.Notify(make(chan os.Signal, 1), unix.SIGUSR1)
	var action [4]uint64 // struct sigaction of the kernel: handler, flags, restorer, mask
	const restart = 0x10000000
	p := uintptr(unsafe.Pointer(&action))
	if _, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGUSR1), 0, p, 8, 0, 0); errno != 0 {
		panic(errno)
	}
	action[1] &^= restart
	if _, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGUSR1), p, 0, 8, 0, 0); errno != 0 {
		panic(errno)
	}
}

// storm sends SIGUSR1 to all threads of this process, again and again, until stop
// is called, which gives how often.
func storm() (stop func() int) {
	done := make(chan bool)
	sent := muxtest.InBackground(func() (n int) {
		for {
			for _, tid := range muxtest.Names("/proc/self/task") {
				select {
				case <-done:
					return n
				default:
				}
				if unix.Tgkill(os.Getpid(), muxtest.Must(strconv.Atoi(tid)), unix.SIGUSR1) == nil {
					n++
				}
			}
		}
	})
	return func() int {
		close(done)
		return <-sent
	}
}

// interrupted waits until a system call gives EINTR.
func interrupted() error {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	_, err := unix.Read(p[0], make([]byte, 1))
	unix.Close(p[0])
	unix.Close(p[1])
	return err
}

// signalStorm reads what is written to two senders in turn, makes others
// meanwhile, and runs commands, all of it under a storm.
func signalStorm(args []string) int {
	interrupt()
	stop := storm()
	if err := interrupted(); err != unix.EINTR {
		return muxtest.CheckFailed("the storm gives %v, want EINTR", err)
	}
	m := muxtest.Must(muxtest.MuxOf(args[0], ""))
	if err := readInStorm(m, muxtest.Must(strconv.Atoi(args[1]))); err != nil {
		return muxtest.CheckFailed("%v", err)
	}
	for range 10 {
		got := ""
		for d, err := range m.Output(exec.Command("sh", "-c", "echo 1; echo 2 >&2; echo 3")) {
			if err != nil {
				return muxtest.CheckFailed("Output: %v", err)
			}
			got += string(d.Data)
		}
		if got != "1\n2\n3\n" {
			return muxtest.CheckFailed("Output gives %q", got)
		}
	}
	if err := m.Close(); err != nil {
		return muxtest.CheckFailed("Close: %v", err)
	}
	if n := stop(); n < 100 {
		return muxtest.CheckFailed("only %d signals", n)
	}
	return 0
}

func readInStorm(m *iomux.Mux, writes int) (err error) {
	a, b := muxtest.Must(m.MakeTaggedSender("a")), muxtest.Must(m.MakeTaggedSender("b"))
	var wait sync.WaitGroup
	wait.Add(2)
	go func() {
		defer wait.Done()
		for i := range writes {
			muxtest.Must(fmt.Fprint([]io.Writer{a, b}[i%2], i))
		}
	}()
	go func() {
		defer wait.Done()
		for range writes / 20 {
			muxtest.Must(m.MakeSender()).Close()
		}
	}()
	for i := range writes {
		d, err := m.Read()
		if err != nil || d.Tag != []string{"a", "b"}[i%2] || string(d.Data) != strconv.Itoa(i) {
			return fmt.Errorf("message %d: got %q %q, %w", i, d.Tag, d.Data, err)
		}
	}
	wait.Wait()
	a.Close()
	b.Close()
	if d, err := m.Read(); err != io.EOF {
		return errors.Join(fmt.Errorf("at the end: got %q", d.Data), err)
	}
	return nil
}

// Signals that come all the time change nothing.
func TestSignalStorm(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, _ *iomux.Mux) {
		muxtest.RunCheck(t, "signalStorm", k.Name, strconv.Itoa(muxtest.Rounds(4000)))
	})
}
