//go:build linux

package iomux_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/seed-5082a588/iomux"
)

// More recipes of docs/recipes.md: each a function to take, and an example of it.

// An excerpt is a writer that keeps the first and the last bytes it gets, up to
// half of limit of each, and counts what it leaves out between them.
type excerpt struct {
	limit      int
	head, tail []byte
	omitted    int64
}

func (e *excerpt) Write(p []byte) (int, error) {
	half := e.limit / 2
	first := min(len(p), half-len(e.head))
	e.head = append(e.head, p[:first]...)
	rest := p[first:]
	before := len(e.tail) + len(rest)
	e.tail = append(e.tail, rest[max(0, len(rest)-half):]...)
	e.tail = append(e.tail[:0], e.tail[max(0, len(e.tail)-half):]...)
	e.omitted += int64(before - len(e.tail))
	return len(p), nil
}

func (e *excerpt) String() string {
	if e.omitted == 0 {
		return string(e.head) + string(e.tail)
	}
	return fmt.Sprintf("%s\n... %d bytes left out ...\n%s", e.head, e.omitted, e.tail)
}

// Keep the head and the tail of any amount of output.
func Example_headAndTail() {
	both := &excerpt{limit: 20}
	cmd := exec.Command("sh", "-c", "echo beginning; head -c 1000000 /dev/zero; echo the end >&2")
	cmd.Stdout, cmd.Stderr = both, both
	if err := iomux.Run(cmd); err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.ReplaceAll(both.String(), "\x00", "0"))
	// Output:
	// beginning
	//
	// ... 999998 bytes left out ...
	// 00the end
}

// A session is a command whose output is taken from time to time.
type session struct {
	m      *iomux.Mux
	exited chan error
}

// begin starts cmd. The session is to be closed in the end.
func begin(cmd *exec.Cmd) (*session, error) {
	m, err := iomux.NewPipe()
	if err != nil {
		return nil, err
	}
	if err := m.Start(cmd, iomux.Stdout, iomux.Stderr); err != nil {
		m.Close()
		return nil, err
	}
	s := &session{m, make(chan error, 1)}
	go func() { s.exited <- cmd.Wait() }()
	return s, nil
}

// more returns what the command writes until the output ends, or for so long; then
// running is true, and the next call goes on from there. Between the calls the
// command may have to wait. Once running is false, err is how it has ended.
func (s *session) more(patience time.Duration) (text string, running bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var b strings.Builder
	for d, err := range s.m.All(ctx) {
		if errors.Is(err, context.DeadlineExceeded) {
			return b.String(), true, nil
		}
		if err != nil {
			return b.String(), false, err
		}
		b.Write(d.Data)
	}
	return b.String(), false, <-s.exited
}

// Show what there is after a while, then the rest.
func Example_partial() {
	r, w, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", "echo step 1; read answer; echo step 2: $answer")
	cmd.Stdin = r
	s, err := begin(cmd)
	if err != nil {
		log.Fatal(err)
	}
	defer s.m.Close()
	text, running, err := s.more(time.Second)
	fmt.Printf("%q %v %v\n", text, running, err)
	fmt.Fprintln(w, "go on")
	text, running, err = s.more(time.Minute)
	fmt.Printf("%q %v %v\n", text, running, err)
	// Output:
	// "step 1\n" true <nil>
	// "step 2: go on\n" false <nil>
}

// runAndLook runs cmd and copies what it writes to w. It returns how cmd has ended,
// and also whether somebody still held its output grace after that.
func runAndLook(w io.Writer, cmd *exec.Cmd, grace time.Duration) (held bool, err error) {
	m, err := iomux.NewPipe()
	if err != nil {
		return false, err
	}
	defer m.Close()
	if err := m.Start(cmd, iomux.Stdout, iomux.Stderr); err != nil {
		return false, err
	}
	ctx, late := context.WithCancel(context.Background())
	defer late()
	exited := make(chan error, 1)
	go func() {
		exited <- cmd.Wait()
		time.AfterFunc(grace, late)
	}()
	for d, err := range m.All(ctx) {
		if errors.Is(err, context.Canceled) {
			held = true
			break
		}
		if err == nil {
			_, err = w.Write(d.Data)
		}
		if err != nil {
			m.Close() // the next write of cmd fails
			return false, errors.Join(err, <-exited)
		}
	}
	return held, <-exited
}

// Know that a command has failed, and that somebody still holds its output.
func Example_failedAndHeld() {
	in, hold, err := os.Pipe() // cat stays until this is closed
	if err != nil {
		log.Fatal(err)
	}
	defer in.Close()
	defer hold.Close()
	cmd := exec.Command("sh", "-c", "cat <&3 & echo started the server; exit 3")
	cmd.ExtraFiles = []*os.File{in}
	held, err := runAndLook(os.Stdout, cmd, 50*time.Millisecond)
	fmt.Println(held, err)
	// Output:
	// started the server
	// true exit status 3
}

var errSilent = errors.New("no output for too long")

// runUnlessSilent runs a command, copies what it writes to w, and kills it when it
// has written nothing for so long: then the error matches errSilent.
func runUnlessSilent(w io.Writer, longest time.Duration, name string, args ...string) error {
	ctx, kill := context.WithCancelCause(context.Background())
	defer kill(nil)
	silence := time.AfterFunc(longest, func() { kill(errSilent) })
	defer silence.Stop()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second // for those who hold the output of a killed one
	for d, err := range iomux.Output(cmd) {
		if err != nil {
			return errors.Join(context.Cause(ctx), err)
		}
		silence.Reset(longest)
		if _, err := w.Write(d.Data); err != nil {
			kill(err) // leaving the loop waits for the command
			return err
		}
	}
	return nil
}

// Kill a command that hangs.
func Example_silent() {
	err := runUnlessSilent(os.Stdout, 200*time.Millisecond, "sh", "-c", "echo connecting; exec sleep 1000")
	fmt.Println(errors.Is(err, errSilent))
	// Output:
	// connecting
	// true
}

// runGroup runs a command in a process group of its own and copies what it writes
// to w. When ctx ends, the whole group is killed: the command and all that it has
// started, unless that has left the group.
func runGroup(ctx context.Context, w io.Writer, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for what has left the group
	cmd.Stdout, cmd.Stderr = w, w
	return iomux.Run(cmd)
}

// Kill a command and all that it has started at a deadline.
func Example_group() {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	err := runGroup(ctx, os.Stdout, "sh", "-c", "echo started; sleep 1000 & sleep 1000; wait")
	fmt.Println(err)
	// Output:
	// started
	// signal: killed
}

// A record is one line of output.
type record struct {
	Time   time.Time `json:"time,omitzero"`
	Stream string    `json:"stream"`
	Text   string    `json:"text"`
}

// writeJSON runs cmd, and writes a line of JSON for each line of it.
func writeJSON(w io.Writer, cmd *exec.Cmd) error {
	enc := json.NewEncoder(w)
	for line, err := range iomux.LimitLines(iomux.Output(cmd), 1<<20) {
		if err != nil {
			return err
		}
		text := bytes.TrimSuffix(line.Data, []byte("\n"))
		if err := enc.Encode(record{line.Time, line.Tag, string(text)}); err != nil {
			return err
		}
	}
	return nil
}

// Lines of JSON, which other programs can read.
func Example_json() {
	var out strings.Builder
	if err := writeJSON(&out, exec.Command("sh", "-c", "echo compiling; echo careful >&2")); err != nil {
		log.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(out.String()))
	for dec.More() {
		var r record
		if err := dec.Decode(&r); err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.Stream, r.Text, !r.Time.IsZero())
	}
	// Output:
	// stdout compiling true
	// stderr careful true
}

// A testLog is the part of testing.TB that logCommand needs.
type testLog interface {
	Helper()
	Logf(format string, args ...any)
}

// logCommand runs cmd, and logs each line of it in the log of a test. It is called
// in the goroutine of the test, and all is logged when it returns.
func logCommand(t testLog, cmd *exec.Cmd) error {
	t.Helper()
	for line, err := range iomux.Lines(iomux.Output(cmd)) {
		if err != nil {
			return err
		}
		t.Logf("%s: %s", line.Tag, bytes.TrimSuffix(line.Data, []byte("\n")))
	}
	return nil
}

// A printLog stands for the *testing.T that a test has.
type printLog struct{}

func (printLog) Helper()                         {}
func (printLog) Logf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// The output of a command in the log of a test, by stream.
func Example_testLog() {
	err := logCommand(printLog{}, exec.Command("sh", "-c", "echo migrating; echo table is locked >&2; exit 1"))
	fmt.Println(err)
	// Output:
	// stdout: migrating
	// stderr: table is locked
	// exit status 1
}
