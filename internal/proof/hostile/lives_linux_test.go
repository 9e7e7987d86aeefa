package hostile_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
	"golang.org/x/sys/unix"
)

func init() {
	muxtest.Children["daemonise"] = daemonise
	muxtest.Children["daemon"] = daemon
	muxtest.Children["renumber"] = renumber
	muxtest.Children["keepWatch"] = keepWatch
}

// A child that writes from a hundred threads: every write is whole, and those of a
// thread are in order.
func TestHundredThreads(t *testing.T) {
	const writers = 100
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		cmd := muxtest.Child("run-writers", strconv.Itoa(writers))
		f := muxtest.NewSender(t, m, "x")
		cmd.Stdout = f
		wait := muxtest.Start(t, cmd)
		f.Close()
		var next [writers]int
		for {
			d, err := m.Read()
			if err == io.EOF {
				break
			}
			if err != nil || len(d.Data) < 6 {
				t.Fatalf("%q, %v", d.Data, err)
			}
			w, i, n := d.Data[0], int(binary.BigEndian.Uint16(d.Data[1:])), int(binary.BigEndian.Uint16(d.Data[3:]))
			if i != next[w] || n != len(d.Data) {
				t.Fatalf("thread %d, write %d of %d bytes, want write %d; it has %d bytes", w, i, n, next[w], len(d.Data))
			}
			next[w]++
		}
		for w, n := range next {
			if n != muxtest.PerWriter {
				t.Errorf("%d writes of thread %d", n, w)
			}
		}
		if err := wait(); err != nil {
			t.Error(err)
		}
	})
}

// Many processes that write a line and are gone, some of them at once: nothing is
// lost, and the end comes after the last.
func TestManyShortLives(t *testing.T) {
	const atOnce = 50
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		lives := muxtest.Rounds(80)
		if k.Name == "New" {
			lives = muxtest.Rounds(500)
		}
		f := muxtest.NewSender(t, m, "x")
		places := make(chan bool, atOnce)
		var all sync.WaitGroup
		failed := muxtest.InBackground(func() (failed error) {
			defer f.Close()
			defer all.Wait()
			for range lives {
				places <- true
				cmd := muxtest.Child("say", "1")
				cmd.Stdout, cmd.Stderr = f, os.Stderr
				if err := cmd.Start(); err != nil {
					return err
				}
				all.Add(1)
				go func() {
					defer all.Done()
					if err := cmd.Wait(); err != nil {
						t.Error(err)
					}
					<-places
				}()
			}
			return nil
		})
		var said [2]int
		for {
			d, err := m.Read()
			if err == io.EOF {
				break
			}
			var round int
			if _, scanned := fmt.Sscanf(string(d.Data), "%d 1 nonblock=false\n", &round); err != nil || scanned != nil {
				t.Fatalf("got %q, %v", d.Data, err)
			}
			said[round]++
		}
		if err := <-failed; err != nil || said != [2]int{lives, lives} {
			t.Errorf("%d lines came of %d processes, %v", said, lives, err)
		}
	})
}

// signalStop stops a child, and waits until it is.
func signalStop(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	muxtest.Must(0, cmd.Process.Signal(unix.SIGSTOP))
	for {
		err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WSTOPPED, nil)
		if err == nil {
			return
		}
		if err != unix.EINTR {
			t.Fatal(err)
		}
	}
}

// Children that are stopped, continued, and killed while they are stopped: the
// others go on, nothing is lost or comes twice, and there is no end before the end.
func TestStoppedChild(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		var cmds [2]*exec.Cmd
		for i := range cmds {
			f := muxtest.NewSender(t, m, strconv.Itoa(i))
			cmds[i] = muxtest.Child("count")
			cmds[i].Stdout, cmds[i].Stderr = f, f
			muxtest.Start(t, cmds[i])
			f.Close()
		}
		var next [2]uint32
		read := func() (who int, err error) {
			d, err := m.Read()
			if err != nil {
				return -1, err
			}
			who = muxtest.Must(strconv.Atoi(d.Tag))
			if n := binary.BigEndian.Uint32(d.Data); n != next[who] {
				t.Fatalf("child %d: got %d, want %d", who, n, next[who])
			}
			next[who]++
			return who, nil
		}
		for range muxtest.Rounds(4) {
			signalStop(t, cmds[0])
			for i := range 300 {
				if who, err := read(); err != nil || who == 0 && i > muxtest.Backlog(k) {
					t.Fatalf("read %d, with one child stopped: from %d, %v", i, who, err)
				}
			}
			muxtest.Must(0, cmds[0].Process.Signal(unix.SIGCONT))
			for before := next[0]; next[0] == before; {
				muxtest.Must(read())
			}
		}
		signalStop(t, cmds[0])
		cmds[1].Process.Kill()
		cmds[0].Process.Kill()
		for {
			if _, err := read(); err == io.EOF {
				return
			} else if err != nil {
				t.Fatal(err)
			}
		}
	})
}

// daemonise starts a daemon that has its standard output as descriptor 3 only, and
// exits.
func daemonise([]string) int {
	cmd := muxtest.Child("daemon")
	cmd.Stdin, cmd.ExtraFiles = os.Stdin, []*os.File{os.Stdout}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	muxtest.Must(0, cmd.Start())
	muxtest.Must(unix.Write(1, []byte("started")))
	return 0
}

// daemon lives until its standard input ends.
func daemon([]string) int {
	io.Copy(io.Discard, os.Stdin)
	muxtest.Must(unix.Write(3, []byte("bye")))
	return 0
}

// A daemon, in a session of its own and nobody's child, that has a copy under
// another number: no end before its end.
func TestDaemon(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		f := muxtest.NewSender(t, m, "x")
		cmd := muxtest.Child("daemonise")
		stdin, end := muxtest.Must2(os.Pipe())
		defer end.Close()
		cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, f, os.Stderr
		wait := muxtest.Start(t, cmd)
		stdin.Close()
		f.Close()
		muxtest.WantRead(t, m, "x", "started")
		if err := wait(); err != nil {
			t.Error(err)
		}
		muxtest.WantNothing(t, m)
		end.Close()
		muxtest.WantRead(t, m, "x", "bye")
		muxtest.WaitEnd(t, m)
	})
}

// renumber becomes another program, which has its output as descriptor 200 only.
func renumber([]string) int {
	muxtest.Must(0, unix.Dup3(1, 200, 0))
	unix.Close(1)
	err := unix.Exec(muxtest.Must(os.Executable()), []string{"say", "200"}, append(os.Environ(), muxtest.ChildEnv+"=say"))
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// The number of the descriptor does not matter.
func TestRenumbered(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		f := muxtest.NewSender(t, m, "x")
		cmd := muxtest.Child("renumber")
		cmd.Stdout, cmd.Stderr = f, os.Stderr
		wait := muxtest.Start(t, cmd)
		f.Close()
		for round := range 2 {
			muxtest.WantRead(t, m, "x", fmt.Sprintf("%d 200 nonblock=false\n", round))
		}
		muxtest.WaitEnd(t, m)
		if err := wait(); err != nil {
			t.Error(err)
		}
	})
}

// keepWatch closes its output, but keeps what it is watched by, until its standard
// input ends: the end of the pipe that was sent to it, or its address.
func keepWatch(args []string) int {
	own := muxtest.Must(unix.Getsockname(1))
	if args[0] == "pipe" {
		_, _, _, _, err := unix.Recvmsg(1, make([]byte, 10), make([]byte, unix.CmsgSpace(4)), 0)
		muxtest.Must(0, err)
	}
	unix.Close(1)
	if args[0] == "address" {
		fd, err := muxtest.Must(unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)), error(unix.EADDRINUSE)
		for err == unix.EADDRINUSE { // until the other copies are closed, too
			err = unix.Bind(fd, own)
		}
		muxtest.Must(0, err)
	}
	muxtest.Must(unix.Write(2, []byte("kept")))
	io.Copy(io.Discard, os.Stdin)
	return 0
}

// A child can put off the end by keeping what it is watched by, for as long as it
// lives, as it could by keeping its output.
func TestKeptWatchOfChild(t *testing.T) {
	for _, what := range []string{"pipe", "address"} {
		muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
			if k.Pipe {
				t.Skip("a pipe is watched by itself")
			}
			f, errs := muxtest.NewSender(t, m, "x"), muxtest.NewSender(t, m, "err")
			cmd := muxtest.Child("keepWatch", what)
			cmd.Stdout, cmd.Stderr = f, errs
			stdin := muxtest.Must(cmd.StdinPipe())
			wait := muxtest.Start(t, cmd)
			f.Close()
			muxtest.WantRead(t, m, "err", "kept")
			errs.Close()
			for range 3 {
				muxtest.WantNothing(t, m)
			}
			stdin.Close()
			if err := wait(); err != nil {
				t.Error(err)
			}
			muxtest.WaitEnd(t, m)
		})
	}
}

// A child can send its output to its output, and leave: nobody has it then, but the
// kernel does not know before it looks for such cycles, which it does when a
// socket of this family is closed, anybody's. The end comes then.
func TestSenderInItself(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		if k.Pipe {
			t.Skip("nothing but bytes goes through a pipe")
		}
		f := muxtest.NewSender(t, m, "x")
		fd := int(f.Fd())
		own := muxtest.Must(unix.Getsockname(fd))
		muxtest.Must(0, disconnect(fd))
		muxtest.Must(0, unix.Connect(fd, own))
		muxtest.Must(0, unix.Sendmsg(fd, []byte("to myself"), unix.UnixRights(slices.Repeat([]int{fd}, 3)...), nil, 0))
		f.Close()
		ended := muxtest.InBackground(func() error { _, err := m.Read(); return err })
		for {
			select {
			case err := <-ended:
				if err != io.EOF {
					t.Error(err)
				}
				return
			default:
				unix.Close(muxtest.Must(unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)))
			}
		}
	})
}
