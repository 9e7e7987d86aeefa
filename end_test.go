//go:build linux || (unix && experimental_unix)

package iomux_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/seed-5082a588/iomux"
	"golang.org/x/sys/unix"
)

func init() {
	children["writeAndClose"] = writeAndClose
	children["closeAll"] = closeAll
	children["readStdout"] = readStdout
}

// writeAndClose gets senders through its standard input, writes to each and
// closes it. The first byte that comes with it tells how often.
func writeAndClose([]string) int {
	for {
		b, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
		n, oobn, _, _, err := unix.Recvmsg(0, b, oob, 0)
		if n == 0 || err != nil {
			return 0
		}
		cmsgs := must(unix.ParseSocketControlMessage(oob[:oobn]))
		fd := must(unix.ParseUnixRights(&cmsgs[0]))[0]
		for i := range b[0] {
			must(unix.Write(fd, []byte{i}))
		}
		unix.Close(fd)
	}
}

// closeAll closes its standard output by and by, and lives until its standard
// input ends.
func closeAll([]string) int {
	copied := must(unix.Dup(1))
	must(unix.Write(1, []byte("first")))
	unix.Close(1)
	must(unix.Write(copied, []byte("copy")))
	unix.Dup2(copied, 1)
	unix.Close(copied)
	must(unix.Write(1, []byte("second copy")))
	null := must(unix.Open(os.DevNull, unix.O_RDWR, 0))
	unix.Dup2(null, 1)
	io.Copy(io.Discard, os.Stdin)
	return 0
}

// readStdout reads from its standard output as often as its argument says,
// without waiting, after each line that comes through its standard input.
// Then it tells so.
func readStdout(args []string) int {
	times := must(strconv.Atoi(args[0]))
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		got := 0
		for range times {
			n, _, err := unix.Recvfrom(1, make([]byte, 100), unix.MSG_DONTWAIT)
			if err == nil {
				got += n
			}
		}
		must(fmt.Printf("%s: %t", in.Text(), got > 0))
	}
	return 0
}

func TestEndAgain(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		for range 20 {
			f := must(m.MakeTaggedSender("x"))
			g := must(m.MakeTaggedSender("y"))
			send(t, f, "data")
			f.Close()
			wantRead(t, m, "x", "data")
			wantNothing(t, m)
			send(t, g, "late")
			g.Close()
			wantRead(t, m, "y", "late")
			for range 3 {
				wantEnd(t, m)
			}
			f = must(m.MakeTaggedSender("again"))
			wantNothing(t, m)
			f.Close()
			wantEnd(t, m)
		}
	})
}

func TestReadBeforeFirstSender(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		ctx, cancel := context.WithCancel(context.Background())
		ended := inBackground(func() error { _, err := m.ReadContext(ctx); return err })
		runtime.Gosched()
		cancel()
		if err := <-ended; err != context.Canceled {
			t.Fatalf("got %v, want to wait", err)
		}
		tag := inBackground(func() string { d, _ := m.Read(); return d.Tag })
		runtime.Gosched()
		send(t, newSender(t, m, "x"), "data")
		if got := <-tag; got != "x" {
			t.Errorf("got %q", got)
		}
	})
}

// The end wakes the reader, whatever it comes from.
func TestEndWakesRead(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		for range 300 {
			f := must(m.MakeSender())
			ended := inBackground(func() error { _, err := m.Read(); return err })
			for range rand.IntN(4) {
				runtime.Gosched()
			}
			f.Close()
			if err := <-ended; err != io.EOF {
				t.Fatal(err)
			}
		}
	})
}

func TestEndGrandchild(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		cmd := exec.Command("sh", "-c", "(read x <&3; echo late; read x <&3) & echo early")
		cmd.Stdout, cmd.ExtraFiles = newSender(t, m, "x"), []*os.File{r}
		err = cmd.Run()
		cmd.Stdout.(*os.File).Close()
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		wantTry(t, m, "x", "early\n")
		wantNothing(t, m)
		send(t, w, "go\n")
		wantRead(t, m, "x", "late\n")
		wantNothing(t, m)
		send(t, w, "go\n")
		waitEnd(t, m)
	})
}

// A child that closes its output and lives on has ended it.
func TestEndChildCloses(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		f := newSender(t, m, "x")
		cmd := childCommand("closeAll")
		cmd.Stdout, cmd.Stderr = f, os.Stderr
		stdin := must(cmd.StdinPipe())
		wait := start(t, cmd)
		f.Close()
		for _, want := range []string{"first", "copy", "second copy"} {
			wantRead(t, m, "x", want)
		}
		waitEnd(t, m)
		stdin.Close()
		if err := wait(); err != nil {
			t.Error(err)
		}
	})
}

// A child that reads from its standard output must not look like one that is
// gone; nor one that does it again and again.
func TestEndFalseAlarm(t *testing.T) {
	for _, times := range []int{1, 2, 1000} {
		forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
			f := newSender(t, m, "x")
			cmd := childCommand("readStdout", strconv.Itoa(times))
			cmd.Stdout, cmd.Stderr = f, os.Stderr
			stdin := must(cmd.StdinPipe())
			wait := start(t, cmd)
			f.Close()
			for i := range rounds(15) {
				fmt.Fprintln(stdin, i)
				d, err := m.Read()
				var n int
				var swallowed bool
				if fmt.Sscanf(string(d.Data), "%d: %t", &n, &swallowed); err != nil || n != i {
					t.Fatalf("got %q, %v", d.Data, err)
				}
				if i == 0 && !k.Pipe && !swallowed {
					t.Error("the child had nothing to read: what does this test?")
				}
				wantNothing(t, m)
			}
			stdin.Close()
			if err := wait(); err != nil {
				t.Error(err)
			}
			wantEnd(t, m)
		})
	}
}

// So many false alarms that not all senders can be watched again. The end comes
// all the same.
func TestEndManyFalseAlarms(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		if k.Pipe {
			t.Skip("nobody can read from the write end of a pipe")
		}
		var senders []*os.File
		for range 350 {
			f := must(m.MakeSender())
			unix.Recvfrom(int(f.Fd()), make([]byte, 10), unix.MSG_DONTWAIT)
			senders = append(senders, f)
		}
		for i, f := range senders {
			wantNothing(t, m)
			if i%2 == 0 {
				unix.Recvfrom(int(f.Fd()), make([]byte, 10), unix.MSG_DONTWAIT)
			}
			send(t, f, "data")
			f.Close()
			wantRead(t, m, "", "data")
		}
		waitEnd(t, m)
		if n := m.Rows(); n != 0 {
			t.Errorf("%d senders are remembered", n)
		}
	})
}

// A child that is killed while it writes: what it wrote is there, then the end.
func TestEndKilled(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		for range rounds(4) {
			out, errs := newSender(t, m, "out"), newSender(t, m, "err")
			cmd := childCommand("count")
			cmd.Stdout, cmd.Stderr = out, errs
			wait := start(t, cmd)
			out.Close()
			errs.Close()
			killAt := uint32(rand.IntN(300))
			next := uint32(0)
			for {
				d, err := m.Read()
				if err == io.EOF && next > killAt {
					break
				}
				if err != nil || len(d.Data) != 4 || binary.BigEndian.Uint32(d.Data) != next || d.Tag != []string{"out", "err"}[next%2] {
					t.Fatalf("got %q %x, %v, want %d", d.Tag, d.Data, err, next)
				}
				if next == killAt {
					cmd.Process.Kill()
				}
				next++
			}
			wait()
		}
	})
}

// The end never comes before everything was read: many rounds of a writer that
// writes and closes.
func TestEndNotEarly(t *testing.T) {
	type round struct {
		f      *os.File
		writes byte
	}
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		todo := make(chan round)
		defer close(todo)
		go func() {
			for r := range todo {
				for i := range r.writes {
					r.f.Write([]byte{i})
				}
				r.f.Close()
			}
		}()
		for range rounds(100) {
			r := round{must(m.MakeTaggedSender("x")), byte(rand.IntN(20))}
			todo <- r
			for i := range r.writes {
				wantRead(t, m, "x", string([]byte{i}))
			}
			waitEnd(t, m)
		}
	})
}

// The same with a child that writes and closes.
func TestEndOfChildNotEarly(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		pair := must(unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0))
		unix.CloseOnExec(pair[0])
		unix.CloseOnExec(pair[1])
		defer unix.Close(pair[1])
		cmd := childCommand("writeAndClose")
		cmd.Stdin, cmd.Stderr = os.NewFile(uintptr(pair[0]), "socket"), os.Stderr
		start(t, cmd)
		cmd.Stdin.(*os.File).Close()
		for round := range rounds(200) {
			writes := byte(rand.IntN(20))
			f := must(m.MakeTaggedSender("x"))
			if err := unix.Sendmsg(pair[1], []byte{writes}, unix.UnixRights(int(f.Fd())), nil, 0); err != nil {
				t.Fatal(err)
			}
			f.Close()
			for i := range writes {
				d, err := m.Read()
				if err != nil || string(d.Data) != string([]byte{i}) {
					t.Fatalf("round %d, write %d of %d: got %x, %v", round, i, writes, d.Data, err)
				}
			}
			waitEnd(t, m)
		}
	})
}

// Children that die in different ways, right after they have written.
func TestEndOfDyingChild(t *testing.T) {
	const script = `i=0; while [ $i -lt 7 ]; do echo $i; echo $i >&2; i=$((i+1)); done; `
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		for round := range rounds(5) {
			out, errs := newSender(t, m, "out"), newSender(t, m, "err")
			cmd := exec.Command("sh", "-c", script+[]string{"exit 3", "kill -9 $$", "exec true", "exec >&- 2>&-; true"}[round%4])
			cmd.Stdout, cmd.Stderr = out, errs
			start(t, cmd)
			out.Close()
			errs.Close()
			for i := range 14 {
				wantRead(t, m, []string{"out", "err"}[i%2], fmt.Sprintln(i/2))
			}
			waitEnd(t, m)
		}
	})
}

// Who has waited for the child gets all of it, and the end, without waiting.
func TestTryReadAfterWait(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		for range rounds(8) {
			out, errs := newSender(t, m, "out"), newSender(t, m, "err")
			cmd := exec.Command("sh", "-c", "echo 1; echo 2 >&2")
			cmd.Stdout, cmd.Stderr = out, errs
			if err := cmd.Run(); err != nil {
				t.Fatal(err)
			}
			out.Close()
			errs.Close()
			wantTry(t, m, "out", "1\n")
			wantTry(t, m, "err", "2\n")
			wantEnd(t, m)
		}
	})
}

// The original test, with one who reads until the exit and drains then.
func TestDrainAfterExit(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		out, errs := newSender(t, m, "out"), newSender(t, m, "err")
		cmd := exec.Command("sh", "-c", "echo out1 && echo err1 1>&2 && echo out2 && echo err2 1>&2")
		cmd.Stdout, cmd.Stderr = out, errs // and the copies here stay open
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		wait := start(t, cmd)
		go func() {
			wait()
			cancel()
		}()
		var got []string
		for {
			d, err := m.ReadContext(ctx)
			if err != nil {
				if err != context.Canceled {
					t.Fatal(err)
				}
				break
			}
			got = append(got, d.Tag+" "+string(d.Data))
		}
		for {
			d, ok, err := m.TryRead()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			got = append(got, d.Tag+" "+string(d.Data))
		}
		if s := fmt.Sprint(got); s != "[out out1\n err err1\n out out2\n err err2\n]" {
			t.Errorf("got %q", got)
		}
	})
}

// A reader that stops: the writers wait, and not more than the queue holds has
// been written.
func TestStoppedReader(t *testing.T) {
	const writers, writes = 3, 400
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		var mu sync.Mutex
		written, read := 0, 0
		for w := range writers {
			f := must(m.MakeTaggedSender(strconv.Itoa(w)))
			go func() {
				defer f.Close()
				for i := range writes {
					if _, err := f.Write(make([]byte, 1+i)); err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					written++
					mu.Unlock()
				}
			}()
		}
		next := make(map[string]int)
		for {
			mu.Lock()
			if ahead := written - read; ahead > m.Backlog() {
				t.Fatalf("%d writes are ahead of the reader, want %d at most", ahead, m.Backlog())
			}
			mu.Unlock()
			if read%20 == 0 {
				runtime.Gosched() // lets the writers fill the queue
			}
			d, err := m.Read()
			if err == io.EOF {
				break
			}
			if err != nil || len(d.Data) != 1+next[d.Tag] {
				t.Fatalf("got %d bytes of %q, %v, want %d", len(d.Data), d.Tag, err, 1+next[d.Tag])
			}
			next[d.Tag]++
			mu.Lock()
			read++
			mu.Unlock()
		}
		if read != writers*writes {
			t.Errorf("%d writes came, want %d", read, writers*writes)
		}
	})
}

// A child that the reader has not listened to for a while is stopped by that, and
// by nothing else.
func TestStoppedReaderOfChild(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		out, errs := newSender(t, m, "out"), newSender(t, m, "err")
		cmd := childCommand("count")
		cmd.Stdout, cmd.Stderr = out, errs
		wait := start(t, cmd)
		next := uint32(0)
		for range 5 {
			stopped(t, out, k)
			for range 100 {
				d, err := m.Read()
				if err != nil || len(d.Data) != 4 || binary.BigEndian.Uint32(d.Data) != next {
					t.Fatalf("got %x, %v, want %d", d.Data, err, next)
				}
				next++
			}
		}
		m.Close()
		var exit *exec.ExitError
		if err := wait(); !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if status := exit.Sys().(syscall.WaitStatus); k.Pipe && status.Signal() != unix.SIGPIPE || !k.Pipe && status.ExitStatus() != 1 {
			t.Errorf("after Close: %v", exit)
		}
	})
}
