//go:build linux

package iomux_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
)

// What the examples of the recipes do not show: their errors, and what is left.

var errFull = errors.New("full")

// A fullWriter fails always.
type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, errFull }

// A recordKeeper is a slog.Handler that keeps what it is given.
type recordKeeper struct {
	slog.Handler
	records []slog.Record
}

func (k *recordKeeper) Handle(_ context.Context, r slog.Record) error {
	k.records = append(k.records, r)
	return nil
}

func TestRecipeLog(t *testing.T) {
	watch(t)
	leakCheck(t)
	var k recordKeeper
	before := time.Now().Round(0) // the kernel's clock is not the monotonic one
	err := logOutput(context.Background(), &k, shell("echo one; printf two >&2; exit 3"))
	after := time.Now().Round(0)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("error %v, want exit code 3", err)
	}
	if len(k.records) != 2 {
		t.Fatalf("got %d records", len(k.records))
	}
	for i, want := range []struct{ text, stream string }{{"one", iomux.Stdout}, {"two", iomux.Stderr}} {
		r := k.records[i]
		stream := ""
		r.Attrs(func(a slog.Attr) bool {
			stream += a.Key + "=" + a.Value.String()
			return true
		})
		if r.Message != want.text || stream != "stream="+want.stream {
			t.Errorf("record %q %s, want %v", r.Message, stream, want)
		}
		if r.Time.Before(before) || r.Time.After(after) || r.Time.Before(k.records[0].Time) {
			t.Errorf("record %d of %v, between %v and %v", i, r.Time, before, after)
		}
	}
	h := slog.NewTextHandler(fullWriter{}, nil)
	if err := logOutput(context.Background(), h, shell("echo x; echo y; echo z")); !errors.Is(err, errFull) {
		t.Errorf("error %v, want that of the handler", err)
	}
}

func TestRecipeTail(t *testing.T) {
	watch(t)
	leakCheck(t)
	for _, c := range []struct{ text, want string }{
		{"exit 1", ""},
		{"printf 123; exit 1", "123"},
		{"printf 1234567890 >&2; exit 1", "67890"},
		{"printf 123; printf 4567 >&2; exit 1", "34567"},
		{"printf 1234567890; printf abc >&2; exit 1", "90abc"},
	} {
		err := runWithTail(shell(c.text), 5)
		if err == nil || err.Error() != "exit status 1; its output ended with:\n"+c.want {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		}
	}
	if err := runWithTail(shell("echo fine; echo fine >&2"), 5); err != nil {
		t.Error(err)
	}
}

func TestRecipeSupervisor(t *testing.T) {
	watch(t)
	leakCheck(t)
	var out strings.Builder
	// The second cannot be started, the third writes when the first has.
	r, w := must2(os.Pipe())
	first, third := shell("echo 1; echo go >&3; printf 'no newline'"), shell("read word; echo $word")
	first.ExtraFiles, third.Stdin = []*os.File{w}, r
	jobs := []job{{"first", first}, {"second", exec.Command("/nonexistent")}, {"third", third}}
	result := inBackground(func() error { return supervise(&out, time.Second, jobs...) })
	err := <-result
	r.Close()
	w.Close()
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want that of the second job", err)
	}
	lines := strings.Split(out.String(), "\n")
	place := map[string]int{}
	for i, l := range lines {
		place[l] = i + 1
	}
	one, three := place["first | 1"], place["third | go"]
	if len(lines) != 7 || one == 0 || three < one || place["first | no newline"] == 0 ||
		place["first: exit status 0"] < one || place["third: exit status 0"] < three {
		t.Errorf("got %q", out.String())
	}

	if err := supervise(io.Discard, 0); err != nil {
		t.Errorf("without jobs: %v", err)
	}
	if err := supervise(io.Discard, 0, job{"x", exec.Command("/nonexistent")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("with none that starts: %v", err)
	}
	endless := job{"endless", shell("while echo x; do :; done")}
	if err := supervise(fullWriter{}, 0, endless); !errors.Is(err, errFull) {
		t.Errorf("with a full disk: %v", err)
	}
}

// At the end of the context all are asked to stop, who does not hear is killed, and
// who holds the output is waited for no longer.
func TestRecipeSupervisorStops(t *testing.T) {
	watch(t)
	leakCheck(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	hears := exec.CommandContext(ctx, "sh", "-c", "trap 'echo bye; exit 0' TERM; echo up; read x <&3; while :; do sleep 0.01; done")
	deaf := exec.CommandContext(ctx, "sh", "-c", "trap '' TERM; { read x <&3; } & echo up; while :; do sleep 0.01; done")
	r, w := must2(os.Pipe())
	defer r.Close()
	defer w.Close()
	hears.ExtraFiles, deaf.ExtraFiles = []*os.File{r}, []*os.File{r}
	out := &cancelWriter{cancel: func() {}}
	ups := 0
	out.cancel = func() {
		if ups++; ups == 2 {
			cancel()
			w.Write([]byte("\n")) // for one of the two
		}
	}
	err := supervise(out, 100*time.Millisecond, job{"hears", hears}, job{"deaf", deaf})
	text := out.String()
	for _, want := range []string{"hears | up\n", "deaf | up\n", "deaf: signal: killed\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
	if err == nil || !strings.Contains(err.Error(), "deaf: signal: killed") {
		t.Errorf("the error is %v", err)
	}
}

func TestRecipeStrict(t *testing.T) {
	watch(t)
	leakCheck(t)
	var out bytes.Buffer
	if err := runStrictly(&out, shell("echo fine; echo also")); err != nil || out.String() != "fine\nalso\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
	err := runStrictly(io.Discard, shell("echo a >&2; echo b >&2; exit 2"))
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(err.Error(), "complained: a") {
		t.Errorf("got %v", err)
	}
	if err := runStrictly(fullWriter{}, shell("echo x")); !errors.Is(err, errFull) {
		t.Errorf("with a full disk: %v", err)
	}
}

func TestRecipeFirstMatch(t *testing.T) {
	watch(t)
	leakCheck(t)
	listening := regexp.MustCompile("^listening")
	// It says nothing more after the line, and goes on for ever.
	line, err := firstMatch(listening, "sh", "-c", "echo not listening; echo listening >&2; while :; do sleep 1; done")
	if line != "listening\n" || err != nil {
		t.Errorf("got %q, %v", line, err)
	}
	if line, err := firstMatch(listening, "echo", "x"); line != "" || err == nil || !strings.Contains(err.Error(), "no line") {
		t.Errorf("got %q, %v", line, err)
	}
	var exit *exec.ExitError
	if line, err := firstMatch(listening, "false"); line != "" || !errors.As(err, &exit) {
		t.Errorf("got %q, %v", line, err)
	}
}

// A cancelWriter cancels when something is written.
type cancelWriter struct {
	bytes.Buffer
	cancel context.CancelFunc
}

func (w *cancelWriter) Write(b []byte) (int, error) {
	w.cancel()
	return w.Buffer.Write(b)
}

func TestRecipeDeadline(t *testing.T) {
	watch(t)
	leakCheck(t)
	in, hold := must2(os.Pipe())
	defer in.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	// cat, which holds the output, says nothing, and stays until hold is closed.
	cmd := exec.CommandContext(ctx, "sh", "-c", "cat <&3 & echo started; wait")
	cmd.ExtraFiles = []*os.File{in}
	w := &cancelWriter{cancel: cancel}
	err := runUntil(ctx, w, cmd, 10*time.Millisecond)
	var exit *exec.ExitError
	if !errors.Is(err, context.Canceled) || !errors.As(err, &exit) || w.String() != "started\n" {
		t.Errorf("got %q, %v", w.String(), err)
	}
	in.Close()
	if _, err := hold.WriteString("x"); err != nil {
		t.Errorf("the grandchild is gone: %v", err)
	}
	hold.Close()

	if err := runUntil(context.Background(), io.Discard, exec.CommandContext(context.Background(), "true"), time.Minute); err != nil {
		t.Error(err)
	}
}

func TestRecipeCombinedOutput(t *testing.T) {
	watch(t)
	leakCheck(t)
	all, stderr, err := combinedOutput(shell("printf 1; printf 2 >&2; exit 1"))
	var exit *exec.ExitError
	if string(all) != "12" || string(stderr) != "2" || !errors.As(err, &exit) {
		t.Errorf("got %q, %q, %v", all, stderr, err)
	}
}

func TestRecipeExcerpt(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"123", "123"},
		{"123456", "123456"},
		{"1234567", "123\n... 1 bytes left out ...\n567"},
		{strings.Repeat("x", 1_000_000) + "end", "xxx\n... 999997 bytes left out ...\nend"},
	} {
		for _, piece := range []int{1, 2, 3, 5, 100_000} {
			e := &excerpt{limit: 6}
			for rest := c.text; len(rest) > 0; {
				n, err := e.Write([]byte(rest[:min(piece, len(rest))]))
				if err != nil || n == 0 {
					t.Fatal(n, err)
				}
				rest = rest[n:]
			}
			if e.String() != c.want || cap(e.tail) > 100 {
				t.Errorf("in pieces of %d: %q with room for %d bytes, want %q", piece, e, cap(e.tail), c.want)
			}
		}
	}
}

func TestRecipeSession(t *testing.T) {
	watch(t)
	leakCheck(t)
	cmd := shell("echo a; echo b >&2; exit 7")
	s := must(begin(cmd))
	defer s.m.Close()
	text, running, err := s.more(muxtest.TimeLimit())
	if text != "a\nb\n" || running || err == nil || err.Error() != "exit status 7" {
		t.Errorf("got %q, %v, %v", text, running, err)
	}
	if _, err := begin(exec.Command("/nonexistent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
}

func TestRecipeRunAndLook(t *testing.T) {
	watch(t)
	leakCheck(t)
	for _, c := range []struct {
		script string
		held   bool
		want   string
	}{
		{"echo x", false, "<nil>"},
		{"exit 3", false, "exit status 3"},
		{"{ read x <&3; } & echo x", true, "<nil>"},
		{"{ read x <&3; } & exit 3", true, "exit status 3"},
	} {
		cmd := shell("exec 3<&0; " + c.script)
		hold(t, cmd)
		grace := muxtest.TimeLimit()
		if c.held {
			grace = 10 * time.Millisecond
		}
		held, err := runAndLook(io.Discard, cmd, grace)
		if held != c.held || fmt.Sprint(err) != c.want {
			t.Errorf("%s: %v, %v", c.script, held, err)
		}
	}
	if _, err := runAndLook(fullWriter{}, shell("while echo x; do :; done"), time.Second); !errors.Is(err, errFull) {
		t.Errorf("with a full disk: %v", err)
	}
}

func TestRecipeSilent(t *testing.T) {
	watch(t)
	leakCheck(t)
	if err := runUnlessSilent(io.Discard, muxtest.TimeLimit(), "sh", "-c", "echo x; exit 3"); err == nil || err.Error() != "exit status 3" {
		t.Errorf("got %v", err)
	}
	if err := runUnlessSilent(fullWriter{}, muxtest.TimeLimit(), "sh", "-c", "echo x; exec sleep 1000"); !errors.Is(err, errFull) {
		t.Errorf("with a full disk: %v", err)
	}
}

// The group goes as a whole: a grandchild that holds a pipe is gone afterwards.
func TestRecipeGroup(t *testing.T) {
	watch(t)
	leakCheck(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out := &cancelWriter{cancel: cancel}
	err := runGroup(ctx, out, "sh", "-c", "sleep 1000 & echo $!; wait")
	pid := must(strconv.Atoi(strings.TrimSpace(out.String())))
	if err == nil || err.Error() != "signal: killed" {
		t.Errorf("got %v", err)
	}
	for alive(pid) {
		time.Sleep(time.Millisecond) // it is killed, and its end takes a moment
	}
}

// alive reports whether a process runs: one that is dead and not waited for does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestRecipeJSON(t *testing.T) {
	watch(t)
	leakCheck(t)
	var out strings.Builder
	err := writeJSON(&out, shell(`printf '"\\\001\n'; printf end >&2; exit 2`))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if err == nil || err.Error() != "exit status 2" || len(lines) != 2 ||
		!strings.Contains(lines[0], `"stream":"stdout","text":"\"\\\u0001"`) || !strings.Contains(lines[1], `"stream":"stderr","text":"end"`) {
		t.Errorf("got %q, %v", lines, err)
	}
	if err := writeJSON(fullWriter{}, shell("echo x")); !errors.Is(err, errFull) {
		t.Errorf("with a full disk: %v", err)
	}
}

func TestRecipeTestLog(t *testing.T) {
	watch(t)
	leakCheck(t)
	if err := logCommand(t, shell("echo this is standard output; echo this is standard error >&2")); err != nil {
		t.Error(err)
	}
}
