//go:build linux

package iomux_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/seed-5082a588/iomux"
)

// The recipes of docs/recipes.md: each a function to take, and an example of it.

// logOutput runs cmd and logs every line that it writes, with its stream and
// its time.
func logOutput(ctx context.Context, h slog.Handler, cmd *exec.Cmd) error {
	for line, err := range iomux.Lines(iomux.Output(cmd)) {
		if err != nil {
			return err // an *exec.ExitError if the command failed
		}
		text := strings.TrimSuffix(string(line.Data), "\n")
		r := slog.NewRecord(line.Time, slog.LevelInfo, text, 0)
		r.AddAttrs(slog.String("stream", line.Tag))
		if err := h.Handle(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// Log a child through log/slog, with the stream as an attribute.
func Example_slog() {
	withoutTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{} // it differs each time
		}
		return a
	}
	h := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime})
	cmd := exec.Command("sh", "-c", "echo compiling; echo careful >&2; echo done")
	if err := logOutput(context.Background(), h, cmd); err != nil {
		log.Fatal(err)
	}
	// Output:
	// level=INFO msg=compiling stream=stdout
	// level=INFO msg=careful stream=stderr
	// level=INFO msg=done stream=stdout
}

// runWithTail runs cmd. Its error contains the last n bytes of the output, in order.
func runWithTail(cmd *exec.Cmd, n int) error {
	var tail []byte
	for d, err := range iomux.Output(cmd) {
		if err != nil {
			return fmt.Errorf("%w; its output ended with:\n%s", err, tail)
		}
		tail = append(tail, d.Data[max(0, len(d.Data)-n):]...)
		tail = tail[max(0, len(tail)-n):]
	}
	return nil
}

// Keep the end of the output for the error message.
func Example_tail() {
	cmd := exec.Command("sh", "-c", "echo a long story; echo reading x; echo x: not found >&2; exit 3")
	fmt.Println(runWithTail(cmd, 23))
	// Output:
	// exit status 3; its output ended with:
	// reading x
	// x: not found
}

// A job is a command with a name.
type job struct {
	name string
	cmd  *exec.Cmd // made with the context that is to end it
}

// supervise runs all jobs at once and prints their lines as they arrive, each after
// the name of its job, and then how the job ended. A job whose context ends is
// asked to stop, and killed if it has not stopped after grace. supervise returns when
// all jobs have ended and nobody holds their output, or grace after they have ended.
func supervise(w io.Writer, grace time.Duration, jobs ...job) error {
	m, err := iomux.NewPipe()
	if err != nil {
		return err
	}
	defer m.Close()
	reports, err := m.MakeSender() // keeps the loop going until all are waited for
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	exits := make(chan error, len(jobs))
	var running sync.WaitGroup
	for _, j := range jobs {
		running.Add(1)
		go func() {
			defer running.Done()
			err := runIn(m, j, grace)
			fmt.Fprintf(reports, "%s: %s\n", j.name, ending(err))
			if err != nil {
				err = fmt.Errorf("%s: %w", j.name, err)
			}
			exits <- err
		}()
	}
	go func() {
		running.Wait()
		reports.Close()
		time.AfterFunc(grace, stop)
	}()
	err = printLines(w, m.All(ctx))
	m.Close() // if that failed, the next write of every job fails
	errs := []error{err}
	for range jobs {
		errs = append(errs, <-exits)
	}
	return errors.Join(errs...)
}

// runIn runs a job with one sender for both of its streams.
func runIn(m *iomux.Mux, j job, grace time.Duration) error {
	if j.cmd.Cancel != nil {
		j.cmd.Cancel = func() error { return j.cmd.Process.Signal(syscall.SIGTERM) }
		j.cmd.WaitDelay = grace // then os/exec kills it
	}
	if err := m.Start(j.cmd, j.name, j.name); err != nil {
		return err
	}
	return j.cmd.Wait()
}

// ending says how a job ended.
func ending(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// printLines prints the lines, each after the name of its job.
func printLines(w io.Writer, output iter.Seq2[iomux.TaggedData, error]) error {
	for line, err := range iomux.Lines(output) {
		if errors.Is(err, context.Canceled) {
			return nil // somebody holds the output of a job that has ended
		}
		if err == nil && line.Tag != "" {
			_, err = fmt.Fprintf(w, "%s | %s\n", line.Tag, bytes.TrimSuffix(line.Data, []byte("\n")))
		} else if err == nil {
			_, err = w.Write(line.Data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Prefix the lines of several children at once, stop all at Ctrl-C, and report
// each exit: a small supervisor.
func Example_supervisor() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	err := supervise(os.Stdout, time.Second,
		job{"web", exec.CommandContext(ctx, "sh", "-c", "echo listening; echo no favicon >&2")},
		job{"db", exec.CommandContext(ctx, "sh", "-c", "echo recovering; exit 1")},
	)
	fmt.Println("error:", err)
	// Unordered output:
	// web | listening
	// web | no favicon
	// web: exit status 0
	// db | recovering
	// db: exit status 1
	// error: db: exit status 1
}

// runStrictly runs cmd and copies its output to w. It also fails if cmd writes
// anything to standard error; the error contains the first line of that.
func runStrictly(w io.Writer, cmd *exec.Cmd) error {
	var complaint error
	for line, err := range iomux.Lines(iomux.Output(cmd)) {
		if err != nil {
			return errors.Join(err, complaint)
		}
		if line.Tag == iomux.Stderr && complaint == nil {
			complaint = fmt.Errorf("it complained: %s", bytes.TrimSpace(line.Data))
		}
		if _, err := w.Write(line.Data); err != nil {
			return err
		}
	}
	return complaint
}

// Fail when anything was written to standard error.
func Example_strict() {
	cmd := exec.Command("sh", "-c", "echo migrating; echo table is locked >&2; echo skipped")
	fmt.Println("error:", runStrictly(os.Stdout, cmd))
	// Output:
	// migrating
	// table is locked
	// skipped
	// error: it complained: table is locked
}

// firstMatch runs a command until it writes a line that matches, kills the
// command, and returns the line.
func firstMatch(re *regexp.Regexp, name string, args ...string) (string, error) {
	ctx, kill := context.WithCancel(context.Background())
	defer kill()
	cmd := exec.CommandContext(ctx, name, args...)
	for line, err := range iomux.Lines(iomux.Output(cmd)) {
		if err != nil {
			return "", err
		}
		if re.Match(line.Data) {
			kill() // leaving the loop waits for the command
			return string(line.Data), nil
		}
	}
	return "", fmt.Errorf("no line of %s matches %s", name, re)
}

// Stop at the first line that matches.
func Example_firstMatch() {
	server := "echo starting; echo listening on 127.0.0.1:8080 >&2; while :; do sleep 1; done"
	line, err := firstMatch(regexp.MustCompile(`listening on \S+`), "sh", "-c", server)
	fmt.Printf("%q, %v\n", line, err)
	// Output:
	// "listening on 127.0.0.1:8080\n", <nil>
}

// runUntil runs cmd, which must have been made with ctx, and copies its output to
// w. When ctx ends, cmd is killed, and runUntil waits no longer than grace for
// others that still hold the output.
func runUntil(ctx context.Context, w io.Writer, cmd *exec.Cmd, grace time.Duration) error {
	cmd.WaitDelay = grace
	for d, err := range iomux.Output(cmd) {
		if err != nil && ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		if err != nil {
			return err // exec.ErrWaitDelay if only somebody else was late
		}
		if _, err := w.Write(d.Data); err != nil {
			return err
		}
	}
	return nil
}

// Run under a context with a deadline, and do not wait for a grandchild that
// will not go.
func Example_deadline() {
	in, hold, err := os.Pipe() // cat stays until this is closed
	if err != nil {
		log.Fatal(err)
	}
	defer in.Close()
	defer hold.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", "cat <&3 & wait")
	cmd.ExtraFiles = []*os.File{in}
	err = runUntil(ctx, io.Discard, cmd, 50*time.Millisecond)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// true
}

// combinedOutput is cmd.CombinedOutput that also returns standard error by
// itself.
func combinedOutput(cmd *exec.Cmd) (all, stderr []byte, err error) {
	for d, err := range iomux.Output(cmd) {
		if err != nil {
			return all, stderr, err
		}
		all = append(all, d.Data...)
		if d.Tag == iomux.Stderr {
			stderr = append(stderr, d.Data...)
		}
	}
	return all, stderr, nil
}

// Migrate from CombinedOutput.
func Example_fromCombinedOutput() {
	all, stderr, err := combinedOutput(exec.Command("sh", "-c", "echo 1; echo 2 >&2; echo 3"))
	fmt.Printf("%q %q %v\n", all, stderr, err)
	// Output:
	// "1\n2\n3\n" "2\n" <nil>
}

// Migrate from StdoutPipe and StderrPipe: one loop instead of two pipes, two
// scanners and two goroutines.
func Example_fromPipes() {
	cmd := exec.Command("sh", "-c", "echo 10 files; echo 1 is old >&2; echo 20 files")
	progress := func(line []byte) { fmt.Printf("progress: %s", line) }
	warn := func(line []byte) { fmt.Printf("warning: %s", line) }

	for line, err := range iomux.Lines(iomux.Output(cmd)) {
		switch {
		case err != nil:
			log.Fatal(err) // what Wait returned
		case line.Tag == iomux.Stderr:
			warn(line.Data)
		default:
			progress(line.Data)
		}
	}
	// Output:
	// progress: 10 files
	// warning: 1 is old
	// progress: 20 files
}

// Migrate from Netflix/go-iomux: the pieces come while the command runs, and the
// loop ends by itself.
func Example_fromGoIomux() {
	m, err := iomux.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	cmd := exec.Command("sh", "-c", "echo out1 && echo err1 1>&2 && echo out2")

	for d, err := range m.Output(cmd) { // instead of two Tag and ReadWhile(cmd.Run)
		if err != nil {
			log.Fatal(err)
		}
		switch d.Tag {
		case iomux.Stdout:
			fmt.Printf("out %q\n", d.Data)
		case iomux.Stderr:
			fmt.Printf("err %q\n", d.Data)
		}
	}
	// Output:
	// out "out1\n"
	// err "err1\n"
	// out "out2\n"
}

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

// A session is a command whose output is read from time to time.
type session struct {
	m      *iomux.Mux
	exited chan error
}

// begin starts cmd. The caller must close the session when done.
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

// more returns what the command writes until its output ends or patience has passed.
// In the latter case running is true, and the next call continues from there. Between
// calls the command may have to wait. Once running is false, err says how it ended.
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

// runAndLook runs cmd and copies its output to w. It returns how cmd ended, and
// whether somebody still held its output grace after that.
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

// runUnlessSilent runs a command, copies its output to w, and kills the command
// when it has written nothing for as long as longest; then the error matches
// errSilent.
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

// runGroup runs a command in a process group of its own and copies its output to
// w. When ctx ends, the whole group is killed: the command and everything that it
// has started, except what has left the group.
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

// writeJSON runs cmd and writes a line of JSON for each line of its output.
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

// logCommand runs cmd and logs each line of its output in the log of a test. Call it
// in the goroutine of the test; when it returns, everything has been logged.
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

// Run a program that cannot write to a socket: opening /dev/stderr fails there.
func ExampleNewPipe() {
	m, err := iomux.NewPipe()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	cmd := exec.Command("sh", "-c", "echo opened >/dev/stderr")
	for line, err := range iomux.Lines(m.Output(cmd)) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s", line.Tag, line.Data)
	}
	// Output:
	// stderr: opened
}
