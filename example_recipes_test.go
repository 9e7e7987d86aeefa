//go:build linux || (unix && experimental_unix)

package iomux_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/seed-5082a588/iomux"
)

// The recipes of docs/recipes.md: each a function to take, and an example of it.

// logOutput runs cmd and logs every line that it writes, with its stream, and
// at the time of the write.
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

// runWithTail runs cmd; its error tells the last n bytes of the output, in order.
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
	cmd  *exec.Cmd
}

// supervise runs all jobs at once, and prints their lines as they come, each
// after the name of its job. It returns when all have ended.
func supervise(w io.Writer, jobs ...job) error {
	m, err := iomux.New()
	if err != nil {
		return err
	}
	defer m.Close()
	var errs []error
	var running []job
	for _, j := range jobs {
		if err := startIn(m, j); err != nil {
			errs = append(errs, err)
			continue
		}
		running = append(running, j)
	}
	if len(running) > 0 { // without any sender the loop would wait for one
		for line, err := range iomux.Lines(m.All(context.Background())) {
			if err == nil {
				_, err = fmt.Fprintf(w, "%s | %s\n", line.Tag, bytes.TrimSuffix(line.Data, []byte("\n")))
			}
			if err != nil {
				errs = append(errs, err)
				m.Close() // the next write of every job fails
				break
			}
		}
	}
	for _, j := range running {
		if err := j.cmd.Wait(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", j.name, err))
		}
	}
	return errors.Join(errs...)
}

// startIn starts a job with one sender for both of its streams.
func startIn(m *iomux.Mux, j job) error {
	sender, err := m.MakeTaggedSender(j.name)
	if err != nil {
		return err
	}
	defer sender.Close() // the job has its own copy then
	j.cmd.Stdout, j.cmd.Stderr = sender, sender
	return j.cmd.Start()
}

// Prefix the lines of several children at once: a tiny supervisor of processes.
func Example_supervisor() {
	err := supervise(os.Stdout,
		job{"web", exec.Command("sh", "-c", "echo listening; echo no favicon >&2")},
		job{"db", exec.Command("sh", "-c", "echo recovering; exit 1")},
	)
	fmt.Println(err)
	// Unordered output:
	// web | listening
	// db | recovering
	// web | no favicon
	// db: exit status 1
}

// runStrictly runs cmd and copies what it writes to w. It fails also if cmd
// writes anything to its standard error, and tells the first line of that.
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

// firstMatch runs a command until it writes a line that matches, kills it, and
// gives that line.
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

// runUntil runs cmd, which must have been made with ctx, and copies what it
// writes to w. When ctx ends, cmd is killed, and others that still hold its
// output are waited for no longer than grace.
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

// combinedOutput is cmd.CombinedOutput, and gives what of it is standard error
// besides.
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
			log.Fatal(err) // what Wait gave
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
