//go:build linux || (unix && experimental_unix)

package iomux_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux"
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
	result := inBackground(func() error { return supervise(&out, jobs...) })
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
	if len(lines) != 4 || one == 0 || three < one || place["first | no newline"] == 0 {
		t.Errorf("got %q", out.String())
	}

	if err := supervise(io.Discard); err != nil {
		t.Errorf("without jobs: %v", err)
	}
	if err := supervise(io.Discard, job{"x", exec.Command("/nonexistent")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("with none that starts: %v", err)
	}
	endless := job{"endless", shell("while echo x; do :; done")}
	if err := supervise(fullWriter{}, endless); !errors.Is(err, errFull) {
		t.Errorf("with a full disk: %v", err)
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
