package capture_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux/capture"
)

func TestOutput(t *testing.T) {
	guarded(t)
	cmd := shell("echo out1; echo err1 >&2; echo out2; echo err2 >&2")
	var got []string
	for d, err := range capture.Output(cmd) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d.Tag+" "+string(d.Data))
	}
	if want := []string{"stdout out1\n", "stderr err1\n", "stdout out2\n", "stderr err2\n"}; capture.Ordered && !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if cmd.ProcessState == nil || cmd.Stdout != nil || cmd.Stderr != nil {
		t.Errorf("afterwards: %v, %v, %v", cmd.ProcessState, cmd.Stdout, cmd.Stderr)
	}
}

// Nothing is lost, whatever the size.
func TestOutputLarge(t *testing.T) {
	guarded(t)
	in := long(200_000)
	cmd := shell("tee /dev/fd/2")
	if _, err := os.Stat("/dev/fd/2"); err != nil {
		t.Skip(err)
	}
	cmd.Stdin = strings.NewReader(in)
	text, err := collect(t, cmd)
	if err != nil {
		t.Fatal(err)
	}
	if text[capture.Stdout] != in || len(text[capture.Stderr]) != len(in) {
		t.Errorf("got %d and %d bytes, want %d", len(text[capture.Stdout]), len(text[capture.Stderr]), len(in))
	}
}

func TestOutputExitError(t *testing.T) {
	guarded(t)
	text, err := collect(t, shell("echo hi; exit 3"))
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("the error is %v", err)
	}
	wantText(t, text, "hi\n", "")
}

// Errors of Start come as os/exec returned them, and nothing is started.
func TestOutputRefused(t *testing.T) {
	guarded(t)
	set := func(cmd *exec.Cmd, out, err io.Writer) *exec.Cmd {
		cmd.Stdout, cmd.Stderr = out, err
		return cmd
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	withCancel := shell("echo hi")
	withCancel.Cancel = func() error { return nil }
	for name, c := range map[string]struct {
		cmd  *exec.Cmd
		want error
	}{
		"nil":            {nil, nil},
		"Stdout set":     {set(shell("echo hi"), io.Discard, nil), nil},
		"Stderr set":     {set(shell("echo hi"), nil, io.Discard), nil},
		"no such path":   {exec.Command("/no/such/program"), os.ErrNotExist},
		"not in PATH":    {exec.Command("no-such-program"), exec.ErrNotFound},
		"context ended":  {exec.CommandContext(ended, "sh"), context.Canceled},
		"Cancel without": {withCancel, nil},
	} {
		text, err := collect(t, c.cmd)
		if len(text) > 0 || err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: got %q, %v", name, text, err)
		}
		if c.cmd != nil && c.cmd.Process != nil {
			t.Errorf("%s: something was started", name)
		}
	}
	if _, err := collect(t, exec.Command("no-such-program")); err != nil {
		if _, bare := err.(*exec.Error); !bare {
			t.Errorf("the error is a %T", err)
		}
	}
}

func TestOutputTwice(t *testing.T) {
	guarded(t)
	cmd := shell("echo hi")
	if text, err := collect(t, cmd); err != nil || text[capture.Stdout] != "hi\n" {
		t.Errorf("got %q, %v", text, err)
	}
	if text, err := collect(t, cmd); err == nil || len(text) > 0 {
		t.Errorf("again: %q, %v", text, err)
	}
}

func TestOutputWith(t *testing.T) {
	guarded(t)
	refused := errors.New("by the start function")
	for _, err := range capture.OutputWith(shell("echo hi"), func(*exec.Cmd) error { return refused }) {
		if err != refused {
			t.Errorf("the error of start became %v", err)
		}
	}
	var stdout, stderr io.Writer
	text := ""
	for d, err := range capture.OutputWith(shell("echo hi"), func(cmd *exec.Cmd) error {
		stdout, stderr = cmd.Stdout, cmd.Stderr
		return cmd.Start()
	}) {
		if err != nil {
			t.Fatal(err)
		}
		text += string(d.Data)
	}
	_, isFile := stdout.(*os.File)
	_, isFileToo := stderr.(*os.File)
	if !isFile || !isFileToo || text != "hi\n" {
		t.Errorf("start saw a %T and a %T, and the text is %q", stdout, stderr, text)
	}
}

// Left early: the next write fails, which ends a command that would go on for ever.
func TestOutputLeftEarly(t *testing.T) {
	guarded(t)
	cmd := shell("while echo more; do :; done 2>/dev/null")
	for range capture.Output(cmd) {
		break
	}
	if cmd.ProcessState == nil {
		t.Error("it was not waited for")
	}
}

// Left early, while somebody else holds the output and says nothing: nobody waits
// for that one.
func TestOutputLeftEarlyStraggler(t *testing.T) {
	guarded(t)
	cmd := shell("{ read x <&3; } & echo hi; exit 0")
	hold(t, cmd)
	for range capture.Output(cmd) {
		break
	}
	if cmd.ProcessState == nil {
		t.Error("it was not waited for")
	}
}

func TestOutputPanic(t *testing.T) {
	guarded(t)
	cmd := shell("echo hi; echo ho >&2")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		for range capture.Output(cmd) {
			panic("by the loop")
		}
	}()
	if cmd.ProcessState == nil {
		t.Error("it was not waited for")
	}
}

// Without WaitDelay the loop waits for those who have inherited the output.
func TestOutputWithoutWaitDelay(t *testing.T) {
	guarded(t)
	cmd := shell("{ read x <&3; echo late; } & echo hi")
	release := hold(t, cmd)
	text := ""
	for d, err := range capture.Output(cmd) {
		if err != nil {
			t.Fatal(err)
		}
		if text += string(d.Data); text == "hi\n" {
			release()
		}
	}
	if text != "hi\nlate\n" {
		t.Errorf("got %q", text)
	}
}

func TestOutputWaitDelay(t *testing.T) {
	for _, c := range []struct {
		script, want string
	}{
		{"{ read x <&3; } & echo hi", exec.ErrWaitDelay.Error()},
		{"{ read x <&3; } & echo hi; exit 5", "exit status 5"},
		{"echo hi", "no error"},
	} {
		t.Run(c.want, func(t *testing.T) {
			guarded(t)
			cmd := shell(c.script)
			hold(t, cmd)
			cmd.WaitDelay = 20 * time.Millisecond
			if c.want == "no error" {
				cmd.WaitDelay = time.Hour
			}
			text, err := collect(t, cmd)
			if err == nil {
				err = errors.New("no error")
			}
			if err.Error() != c.want {
				t.Errorf("the error is %v, want %s", err, c.want)
			}
			wantText(t, text, "hi\n", "")
		})
	}
}

// What has been written when WaitDelay is over comes all the same.
func TestOutputWaitDelayQueued(t *testing.T) {
	guarded(t)
	cmd := shell("{ read x <&3; } & head -c 60000 /dev/zero; echo err >&2")
	hold(t, cmd)
	cmd.WaitDelay = 20 * time.Millisecond
	text := map[string]string{}
	var last error
	for d, err := range capture.Output(cmd) {
		if last = err; err != nil {
			continue
		}
		if text[d.Tag] += string(d.Data); len(text) == 1 && len(text[d.Tag]) == len(d.Data) {
			time.Sleep(100 * time.Millisecond) // on a slow machine it tests less
		}
	}
	if last != exec.ErrWaitDelay && !(capture.Ordered && last == nil) {
		t.Errorf("the error is %v", last)
	}
	wantText(t, text, strings.Repeat("\x00", 60000), "err\n")
}

// A writer that never stops does not keep the loop going after WaitDelay.
func TestOutputWaitDelayBusy(t *testing.T) {
	guarded(t)
	cmd := shell("{ while echo x; do :; done 2>/dev/null; } & echo hi")
	cmd.WaitDelay = 20 * time.Millisecond
	var last error
	for _, err := range capture.Output(cmd) {
		last = err
	}
	if last != exec.ErrWaitDelay {
		t.Errorf("the error is %v", last)
	}
}

// WaitDelay counts from the end of the context, not from the exit that follows.
func TestOutputContext(t *testing.T) {
	for _, delay := range []time.Duration{0, 20 * time.Millisecond} {
		t.Run(delay.String(), func(t *testing.T) {
			guarded(t)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			script := "echo hi; read x <&3"
			if delay > 0 {
				script = "{ read x <&3; } & echo hi; read x <&3"
			}
			cmd := exec.CommandContext(ctx, "sh", "-c", script)
			hold(t, cmd)
			cmd.WaitDelay = delay
			var last error
			for _, err := range capture.Output(cmd) {
				last = err
				cancel()
			}
			var exit *exec.ExitError
			if !errors.As(last, &exit) || exit.Exited() {
				t.Errorf("the error is %v, want that of a signal", last)
			}
		})
	}
}

func TestLines(t *testing.T) {
	guarded(t)
	lines := map[string][]string{}
	for d, err := range capture.Lines(capture.Output(shell("printf 'a\\nb'; printf 'x\\n' >&2; printf 'c\\nd'"))) {
		if err != nil {
			t.Fatal(err)
		}
		lines[d.Tag] = append(lines[d.Tag], string(d.Data))
	}
	if !slices.Equal(lines[capture.Stdout], []string{"a\n", "bc\n", "d"}) || !slices.Equal(lines[capture.Stderr], []string{"x\n"}) {
		t.Errorf("got %q", lines)
	}
}

func TestLimitLines(t *testing.T) {
	guarded(t)
	var parts []string
	for d, err := range capture.LimitLines(capture.Output(shell("printf 1234567; echo; echo 12")), 3) {
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, string(d.Data))
	}
	if want := []string{"123", "456", "7\n", "12\n"}; !slices.Equal(parts, want) {
		t.Errorf("got %q, want %q", parts, want)
	}
}
