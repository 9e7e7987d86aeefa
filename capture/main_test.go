package capture_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux/capture"
)

// needShell skips a test where there is no shell to run.
func needShell(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil || runtime.GOOS == "windows" || runtime.GOOS == "plan9" {
		t.Skip("there is no sh here")
	}
}

func shell(script string) *exec.Cmd { return exec.Command("sh", "-c", script) }

// guarded ends the program and prints all stacks if the test is not over in time,
// and fails the test if it leaves a goroutine behind.
func guarded(t testing.TB) {
	t.Helper()
	needShell(t)
	timer := time.AfterFunc(time.Minute, func() {
		fmt.Fprintln(os.Stderr, t.Name(), "is not over in time")
		pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
		os.Exit(2)
	})
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		timer.Stop()
		for range 500 { // those that have sent their result may not have ended yet
			if runtime.NumGoroutine() <= before {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Errorf("%d goroutines, there were %d", runtime.NumGoroutine(), before)
		pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	})
}

// collect returns what a loop gets by tag, and the error. It checks that an error
// comes alone and last.
func collect(t testing.TB, cmd *exec.Cmd) (text map[string]string, last error) {
	t.Helper()
	text = make(map[string]string)
	for d, err := range capture.Output(cmd) {
		if last != nil {
			t.Errorf("after the error %v: %q, %v", last, d.Data, err)
		}
		if last = err; err != nil {
			if d.Tag != "" || d.Data != nil || !d.Time.IsZero() {
				t.Errorf("with the error %v: %+v", err, d)
			}
			continue
		}
		if len(d.Data) == 0 || d.Time.IsZero() {
			t.Errorf("a piece is %+v", d)
		}
		text[d.Tag] += string(d.Data)
	}
	return text, last
}

// hold gives cmd a descriptor 3 that has neither data nor an end until release is
// called.
func hold(t testing.TB, cmd *exec.Cmd) (release func()) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{r}
	t.Cleanup(func() { r.Close(); w.Close() })
	return func() { w.Close() }
}

func wantText(t testing.TB, text map[string]string, stdout, stderr string) {
	t.Helper()
	if text[capture.Stdout] != stdout || text[capture.Stderr] != stderr || len(text) > 2 {
		t.Errorf("got %.200q", text)
	}
}

func long(n int) string { return strings.Repeat("a line of some length\n", n) }
