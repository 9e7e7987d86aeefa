//go:build linux || (unix && experimental_unix)

package commands_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux"
	"golang.org/x/sys/unix"
)

func init() {
	children["run-until-error"] = writeUntilError
	children["run-alternate"] = writeAlternately
}

// writeUntilError writes to its standard output until that fails, and says to
// descriptor 3 how. It writes without the os package, which would die of EPIPE.
func writeUntilError([]string) int {
	for {
		if _, err := unix.Write(1, []byte("more\n")); err != nil {
			unix.Write(3, []byte(unix.ErrnoName(err.(syscall.Errno))))
			return 0
		}
	}
}

// writeAlternately writes as many numbers as its argument says, one by one, the
// even ones to its standard output and the odd ones to its standard error.
func writeAlternately(args []string) int {
	n := must(strconv.Atoi(args[0]))
	for i := range n {
		if _, err := unix.Write(1+i%2, strconv.AppendInt(nil, int64(i), 10)); err != nil {
			return 1
		}
	}
	return 0
}

func TestOutput(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		cmd := shell("echo out1; echo err1 >&2; echo out2; echo err2 >&2")
		wantPieces(t, m.Output(cmd), "stdout out1\n", "stderr err1\n", "stdout out2\n", "stderr err2\n")
		wantGone(t, cmd)
		if cmd.Stdout != nil || cmd.Stderr != nil {
			t.Errorf("Stdout is %v, Stderr is %v, want nil again", cmd.Stdout, cmd.Stderr)
		}
		if d, ok, err := m.TryRead(); ok || err != io.EOF {
			t.Errorf("after it the Mux gives %q, %v, %v, want io.EOF", d.Data, ok, err)
		}
	})
}

func TestOutputInOrder(t *testing.T) {
	const n = 5000
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		i := 0
		for d, err := range m.Output(childCommand("run-alternate", strconv.Itoa(n))) {
			if err != nil {
				t.Fatal(err)
			}
			tag := []string{iomux.Stdout, iomux.Stderr}[i%2]
			if d.Tag != tag || string(d.Data) != strconv.Itoa(i) {
				t.Fatalf("piece %d is %q %q", i, d.Tag, d.Data)
			}
			i++
		}
		if i != n {
			t.Errorf("got %d pieces, want %d", i, n)
		}
	})
}

func TestOutputExitError(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		cmd := shell("echo hi; exit 3")
		got, err := piecesOf(t, m.Output(cmd))
		var exit *exec.ExitError
		if !slices.Equal(got, []string{"stdout hi\n"}) || !errors.As(err, &exit) || exit.ExitCode() != 3 {
			t.Errorf("got %q, %v", got, err)
		}
		wantGone(t, cmd)
		wantPieces(t, m.Output(shell("echo again")), "stdout again\n") // the Mux is still good
	})
}

// What cannot be started gives one error, starts nothing, and leaves the Mux as
// good as it was.
func TestOutputRefused(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	good := func() *exec.Cmd { return exec.Command("sh", "-c", "echo started >&9") }
	for name, c := range map[string]struct {
		cmd  func() *exec.Cmd
		want error // nil if there is none to be found by errors.Is
	}{
		"nil":            {func() *exec.Cmd { return nil }, nil},
		"no such path":   {func() *exec.Cmd { return exec.Command("/no/such/program") }, os.ErrNotExist},
		"not in PATH":    {func() *exec.Cmd { return exec.Command("no-such-program") }, exec.ErrNotFound},
		"no such dir":    {func() *exec.Cmd { c := good(); c.Dir = "/no/such/dir"; return c }, os.ErrNotExist},
		"Stdout set":     {func() *exec.Cmd { c := good(); c.Stdout = io.Discard; return c }, nil},
		"Stderr set":     {func() *exec.Cmd { c := good(); c.Stderr = os.Stderr; return c }, nil},
		"context ended":  {func() *exec.Cmd { return exec.CommandContext(ended, "sh") }, context.Canceled},
		"Cancel without": {func() *exec.Cmd { c := good(); c.Cancel = func() error { return nil }; return c }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
				cmd := c.cmd()
				got, err := piecesOf(t, m.Output(cmd))
				if len(got) > 0 || err == nil || c.want != nil && !errors.Is(err, c.want) {
					t.Errorf("got %q, %v, want the error %v", got, err, c.want)
				}
				if cmd != nil && cmd.Process != nil {
					t.Error("something was started")
				}
				wantPieces(t, m.Output(shell("echo good")), "stdout good\n")
			})
		})
	}
}

// A pipe of os/exec counts as set. It is the caller's, and stays so.
func TestOutputPipeSet(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		for _, pipe := range []func(*exec.Cmd) (io.ReadCloser, error){(*exec.Cmd).StdoutPipe, (*exec.Cmd).StderrPipe} {
			cmd := shell("echo hi; echo hi >&2")
			r := must(pipe(cmd))
			if got, err := piecesOf(t, m.Output(cmd)); len(got) > 0 || err == nil || cmd.Process != nil {
				t.Fatalf("got %q, %v", got, err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(r); err != nil || string(b) != "hi\n" {
				t.Errorf("the pipe gives %q, %v", b, err)
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestOutputClosedMux(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		m.Close()
		cmd := shell("echo hi")
		if got, err := piecesOf(t, m.Output(cmd)); len(got) > 0 || !errors.Is(err, os.ErrClosed) || cmd.Process != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// A Cmd runs once, so the loop does too.
func TestOutputTwice(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		seq := m.Output(shell("echo hi"))
		wantPieces(t, seq, "stdout hi\n")
		if got, err := piecesOf(t, seq); len(got) > 0 || err == nil {
			t.Errorf("the second time: %q, %v", got, err)
		}
		wantPieces(t, m.Output(shell("echo next")), "stdout next\n")
	})
}

func TestOutputStdin(t *testing.T) {
	in := strings.Repeat("all that goes in comes out again\n", 10_000)
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		cmd := exec.Command("cat")
		cmd.Stdin = strings.NewReader(in)
		var out strings.Builder
		for d, err := range m.Output(cmd) {
			if err != nil || d.Tag != iomux.Stdout {
				t.Fatalf("%q %q, %v", d.Tag, d.Data, err)
			}
			out.Write(d.Data)
		}
		if out.String() != in {
			t.Errorf("%d bytes came out, %d went in", out.Len(), len(in))
		}
	})
}

// Ways to leave the loop early.
var waysOut = map[string]func(t *testing.T, seq iter.Seq2[iomux.TaggedData, error]){
	"break": func(t *testing.T, seq iter.Seq2[iomux.TaggedData, error]) {
		n := 0
		for range seq {
			if n++; n == 3 {
				break
			}
		}
	},
	"return": func(t *testing.T, seq iter.Seq2[iomux.TaggedData, error]) {
		for range seq {
			return
		}
	},
	"panic": func(t *testing.T, seq iter.Seq2[iomux.TaggedData, error]) {
		defer func() {
			if r := recover(); r != "of the body" {
				t.Errorf("recovered %v", r)
			}
		}()
		for range seq {
			panic("of the body")
		}
	},
	"Goexit": func(t *testing.T, seq iter.Seq2[iomux.TaggedData, error]) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range seq {
				runtime.Goexit() // what t.FailNow does
			}
		}()
		<-done
	},
	"Pull": func(t *testing.T, seq iter.Seq2[iomux.TaggedData, error]) {
		next, stop := iter.Pull2(seq)
		if _, err, ok := next(); err != nil || !ok {
			t.Error(err)
		}
		stop()
	},
}

// Leaving the loop early closes the Mux, fails the next write of the child, and
// waits for the child.
func TestOutputLeftEarly(t *testing.T) {
	for name, leave := range waysOut {
		t.Run(name, func(t *testing.T) {
			forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
				cmd, said := untilError(t)
				leave(t, m.Output(cmd))
				wantGone(t, cmd)
				want := "ECONNREFUSED"
				if k.Pipe {
					want = "EPIPE"
				}
				if got := said(); got != want && runtime.GOOS == "linux" {
					t.Errorf("the child's write failed with %q, want %s", got, want)
				}
				if _, _, err := m.TryRead(); !errors.Is(err, os.ErrClosed) {
					t.Errorf("the Mux gives %v, want os.ErrClosed", err)
				}
			})
		})
		t.Run(name+" of Output", func(t *testing.T) {
			watch(t)
			leakCheck(t)
			cmd, said := untilError(t)
			leave(t, iomux.Output(cmd))
			wantGone(t, cmd)
			if said() == "" {
				t.Error("the child did not see a write fail")
			}
		})
	}
}

// untilError is a child that writes until it fails; said tells how it failed,
// once it is over.
func untilError(t *testing.T) (cmd *exec.Cmd, said func() string) {
	cmd = childCommand("run-until-error")
	r, w := must2(os.Pipe())
	t.Cleanup(func() { r.Close(); w.Close() })
	cmd.ExtraFiles = []*os.File{w}
	return cmd, func() string {
		w.Close()
		return string(must(io.ReadAll(r)))
	}
}

// The same through Lines.
func TestOutputLinesLeftEarly(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		cmd, _ := untilError(t)
		for d, err := range iomux.Lines(m.Output(cmd)) {
			if err != nil || string(d.Data) != "more\n" {
				t.Errorf("%q, %v", d.Data, err)
			}
			break
		}
		wantGone(t, cmd)
	})
}

// A child that closes its output and lives on is waited for.
func TestOutputChildClosesEarly(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		cmd := shell("echo hi; exec >&- 2>&-; echo closed >&3; read x; exit 7")
		release := hold(t, cmd)
		r, w := must2(os.Pipe())
		defer r.Close()
		cmd.ExtraFiles = []*os.File{w}
		go func() {
			r.Read(make([]byte, 10))
			release()
		}()
		got, err := piecesOf(t, m.Output(cmd))
		w.Close()
		var exit *exec.ExitError
		if !slices.Equal(got, []string{"stdout hi\n"}) || !errors.As(err, &exit) || exit.ExitCode() != 7 {
			t.Errorf("got %q, %v", got, err)
		}
		wantGone(t, cmd)
	})
}

// A Mux that is closed meanwhile ends the loop with that error, after the child.
func TestOutputClosedMeanwhile(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		cmd, _ := untilError(t)
		closed, last := false, error(nil)
		for _, err := range m.Output(cmd) {
			if last != nil || closed != (err != nil) {
				t.Errorf("after closing (%v): %v", closed, err)
			}
			last = err
			m.Close()
			closed = true
		}
		if !errors.Is(last, os.ErrClosed) {
			t.Errorf("the last error is %v", last)
		}
		wantGone(t, cmd)
	})
}

// The same while the loop is waiting for a child that says nothing.
func TestOutputClosedFromElsewhere(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		cmd := shell("echo hi; read x")
		release := hold(t, cmd)
		var last error
		for _, err := range m.Output(cmd) {
			if last = err; err != nil {
				continue
			}
			go func() {
				m.Close()
				release()
			}()
		}
		if !errors.Is(last, os.ErrClosed) {
			t.Errorf("the last error is %v", last)
		}
		wantGone(t, cmd)
	})
}

// Other senders of the Mux are heard, and keep the loop going.
func TestOutputWithOtherSenders(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		mine := must(m.MakeTaggedSender("mine"))
		cmd := shell("echo hi")
		var got []string
		for d, err := range m.Output(cmd) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, d.Tag+" "+string(d.Data))
			switch string(d.Data) {
			case "hi\n":
				exited(cmd)
				mine.WriteString("one")
			case "one":
				mine.WriteString("two")
				mine.Close()
			}
		}
		if want := []string{"stdout hi\n", "mine one", "mine two"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// Two loops at the same time share what comes, and both see the end. Only the
// number and the tags can be told: Data belongs to whoever reads next.
func TestOutputTwoAtOnce(t *testing.T) {
	const n = 500
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		var got [2]map[string]int
		var errs [2]error
		var both sync.WaitGroup
		for i := range got {
			got[i] = make(map[string]int)
			both.Add(1)
			go func() {
				defer both.Done()
				for d, err := range m.Output(childCommand("run-alternate", strconv.Itoa(n))) {
					if errs[i] = err; err == nil {
						got[i][d.Tag]++
					}
				}
			}()
		}
		both.Wait()
		for _, tag := range []string{iomux.Stdout, iomux.Stderr} {
			if sum := got[0][tag] + got[1][tag]; sum != n {
				t.Errorf("%d pieces of %s, want %d", sum, tag, n)
			}
		}
		if err := errors.Join(errs[:]...); err != nil || len(got[0])+len(got[1]) > 4 {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

func TestOutputOfPackage(t *testing.T) {
	watch(t)
	leakCheck(t)
	cmd := shell("printf out1; echo err1 >&2; echo out2")
	wantPieces(t, iomux.Lines(iomux.Output(cmd)), "stderr err1\n", "stdout out1out2\n")
	wantGone(t, cmd)
	if got, err := piecesOf(t, iomux.Output(nil)); len(got) > 0 || err == nil {
		t.Errorf("of nil: %q, %v", got, err)
	}
	_, err := piecesOf(t, iomux.Output(shell("exit 1")))
	if exit := new(exec.ExitError); !errors.As(err, &exit) {
		t.Errorf("the error is %v", err)
	}
}

// Output needs no directory: it takes pipes.
func TestOutputWithoutTempDir(t *testing.T) {
	t.Setenv("TMPDIR", "/no/such/dir")
	wantPieces(t, iomux.Output(shell("echo hi")), "stdout hi\n")
}

func TestOutputWith(t *testing.T) {
	watch(t)
	leakCheck(t)
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		refused := &exec.Error{Name: "refused", Err: errors.New("by the start function")}
		cmd := shell("echo hi")
		for _, err := range m.OutputWith(cmd, func(*exec.Cmd) error { return refused }) {
			if err != error(refused) {
				t.Errorf("the error of start became %v", err)
			}
		}
		var sender any
		start := func(c *exec.Cmd) error {
			sender = c.Stdout
			return c.Start()
		}
		wantPieces(t, m.OutputWith(cmd, start), "stdout hi\n")
		if _, ok := sender.(*os.File); !ok || cmd.Stdout != nil || cmd.Stderr != nil {
			t.Errorf("start saw a %T, afterwards there is %v, %v", sender, cmd.Stdout, cmd.Stderr)
		}
	})
}

func TestStart(t *testing.T) {
	watch(t)
	leakCheck(t)
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		cmd := shell("echo out; echo err >&2")
		if err := m.Start(cmd, "a", "b"); err != nil {
			t.Fatal(err)
		}
		wantPieces(t, m.All(context.Background()), "a out\n", "b err\n")
		if err := cmd.Wait(); err != nil || cmd.Stdout != nil || cmd.Stderr != nil {
			t.Errorf("%v; afterwards there is %v, %v", err, cmd.Stdout, cmd.Stderr)
		}
		both := shell("test /dev/fd/1 -ef /dev/fd/2 && echo same")
		if err := m.Start(both, "c", "c"); err != nil {
			t.Fatal(err)
		}
		wantPieces(t, m.All(context.Background()), "c same\n")
		if err := both.Wait(); err != nil {
			t.Error(err)
		}
		set := shell("echo")
		set.Stderr = os.Stderr
		for _, bad := range []*exec.Cmd{nil, set, cmd} {
			if err := m.Start(bad, "d", "d"); err == nil {
				t.Errorf("started %v", bad)
			}
		}
		var notFound *exec.Error
		if err := m.Start(exec.Command("no-such-command"), "e", "e"); err == nil || !errors.As(err, &notFound) || err != error(notFound) {
			t.Errorf("the error is %#v", err)
		}
	})
}

// Without WaitDelay the loop waits for stragglers as long as they take, and one that
// ends in time is no error.
func TestOutputWaitsForStragglers(t *testing.T) {
	for _, delay := range []time.Duration{0, time.Hour} {
		t.Run(fmt.Sprint(delay), func(t *testing.T) {
			forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
				cmd := straggler("read x <&3; echo late", "echo hi")
				release := hold(t, cmd)
				cmd.WaitDelay = delay
				var got []string
				for d, err := range m.Output(cmd) {
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, string(d.Data))
					if len(got) == 1 {
						exited(cmd)
						release()
					}
				}
				if want := []string{"hi\n", "late\n"}; !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		})
	}
}

// After WaitDelay the loop ends, and the Mux goes on: what the straggler writes
// later can be read, and so can its end.
func TestOutputWaitDelay(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		cmd := straggler("read x <&3; echo late; echo later >&2", "echo hi")
		release := hold(t, cmd)
		cmd.WaitDelay = 10 * time.Millisecond
		got, err := piecesOf(t, m.Output(cmd))
		if !slices.Equal(got, []string{"stdout hi\n"}) || err != exec.ErrWaitDelay {
			t.Errorf("got %q, %v", got, err)
		}
		wantGone(t, cmd)
		release()
		wantPieces(t, m.All(context.Background()), "stdout late\n", "stderr later\n")
	})
}

// A straggler that never stops writing does not keep the loop going, however
// slow its body is.
func TestOutputWaitDelayBusy(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		cmd := straggler("while echo x; do :; done", "echo hi")
		cmd.WaitDelay = 20 * time.Millisecond
		var last error
		for _, err := range m.Output(cmd) {
			last = err
			time.Sleep(100 * time.Microsecond)
		}
		if last != exec.ErrWaitDelay {
			t.Errorf("the last error is %v", last)
		}
		if _, err := m.Read(); err != nil {
			t.Errorf("the Mux gives %v, want more", err)
		}
	})
}

// What is queued when WaitDelay ends is given all the same. The straggler stays
// silent, and the body takes its time until the delay must be over; if it is
// not, on a slow machine, the test only tests less.
func TestOutputWaitDelayQueued(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		cmd := straggler("read x <&3", "echo a; echo b; echo c >&2")
		hold(t, cmd)
		cmd.WaitDelay = time.Millisecond
		var got []string
		var last error
		for d, err := range m.Output(cmd) {
			if last = err; err != nil {
				continue
			}
			if got = append(got, string(d.Data)); len(got) == 1 {
				exited(cmd)
				time.Sleep(50 * time.Millisecond)
			}
		}
		if want := []string{"a\n", "b\n", "c\n"}; !slices.Equal(got, want) || last != exec.ErrWaitDelay {
			t.Errorf("got %q, %v, want %q", got, last, want)
		}
	})
}

// Leaving the loop while what was queued is given.
func TestOutputWaitDelayLeftEarly(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		cmd := straggler("read x <&3", "echo a; echo b; echo c >&2")
		hold(t, cmd)
		cmd.WaitDelay = time.Millisecond
		n := 0
		for range m.Output(cmd) {
			if n++; n == 1 {
				exited(cmd)
				time.Sleep(20 * time.Millisecond)
			} else {
				break
			}
		}
		if _, _, err := m.TryRead(); n != 2 || !errors.Is(err, os.ErrClosed) {
			t.Errorf("after %d pieces the Mux gives %v", n, err)
		}
	})
}

// The error of Wait counts for more than ErrWaitDelay.
func TestOutputWaitDelayExitError(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		cmd := straggler("read x <&3", "exit 5")
		hold(t, cmd)
		cmd.WaitDelay = time.Millisecond
		_, err := piecesOf(t, m.Output(cmd))
		if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 5 || errors.Is(err, exec.ErrWaitDelay) {
			t.Errorf("the error is %v", err)
		}
	})
}

// The command's own context kills it; the straggler that is left then counts
// from there.
func TestOutputContext(t *testing.T) {
	for _, delay := range []time.Duration{0, 10 * time.Millisecond} {
		t.Run(fmt.Sprint(delay), func(t *testing.T) {
			forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				script := "echo hi; read x"
				if delay > 0 {
					script = "exec 3<&0; (read x <&3) & echo hi; read x <&3"
				}
				cmd := exec.CommandContext(ctx, "sh", "-c", script)
				hold(t, cmd)
				cmd.WaitDelay = delay
				var last error
				for _, err := range m.Output(cmd) {
					last = err
					cancel()
				}
				exit := new(exec.ExitError)
				if !errors.As(last, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
					t.Errorf("the last error is %v", last)
				}
				wantGone(t, cmd)
			})
		})
	}
}

// WaitDelay counts from the end of the context, as in os/exec: a command that does
// not heed it is killed when WaitDelay is over, and then nobody waits once more for
// others that hold the output.
func TestOutputWaitDelayFromCancel(t *testing.T) {
	watch(t)
	leakCheck(t)
	m := must(iomux.New())
	defer m.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", "exec 3<&0; (read x <&3) & echo hi; read x <&3")
	hold(t, cmd)
	cmd.WaitDelay = time.Second
	cmd.Cancel = func() error { return nil }
	var gone <-chan time.Time
	for range m.Output(cmd) {
		if gone == nil {
			gone = inBackground(func() time.Time { exited(cmd); return time.Now() })
			cancel()
		}
	}
	if late := time.Since(<-gone); late >= cmd.WaitDelay/2 { // once more would be all of it
		t.Errorf("the end came %v after the exit", late)
	}
}

// A Cancel of the caller's is called, once. What it does not end, os/exec kills
// after WaitDelay; what it ends well gives the error of the context.
func TestOutputCustomCancel(t *testing.T) {
	for trap, want := range map[string]string{"": "killed", "exit 0": "context canceled", "exit 4": "exit status 4"} {
		t.Run(want, func(t *testing.T) {
			forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				cmd := exec.CommandContext(ctx, "sh", "-c", "trap '"+trap+"' TERM; echo hi; read x; while read x; do :; done")
				hold(t, cmd)
				cmd.WaitDelay = 20 * time.Millisecond
				if trap != "" {
					cmd.WaitDelay = time.Hour
				}
				calls := 0
				cmd.Cancel = func() error {
					calls++
					return cmd.Process.Signal(syscall.SIGTERM)
				}
				var last error
				for _, err := range m.Output(cmd) {
					last = err
					cancel()
				}
				if last == nil || !strings.Contains(last.Error(), want) || calls != 1 {
					t.Errorf("the last error is %v, want %s; Cancel was called %d times", last, want, calls)
				}
				wantGone(t, cmd)
			})
		})
	}
}
