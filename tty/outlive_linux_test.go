//go:build amd64 || arm64

package tty_test

import (
	"bufio"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux/internal/muxtest"
)

// serveKilled runs the command on a terminal whose process is killed, after its
// first line of output and a delay. Then it calls killed, if that is not nil. It
// returns the rest of the output.
func serveKilled(t *testing.T, delay time.Duration, killed func(), args ...string) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	server := child("serve", args...)
	server.Stdout, server.Stderr = w, w
	err = server.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(r)
	if first, err := out.ReadString('\n'); err != nil || strings.HasPrefix(first, "tty: ") {
		server.Wait()
		t.Skip(first, err)
	}
	var left []int
	eventually(t, "one helper", func() bool {
		left = helpers(server.Process.Pid)
		return len(left) == 1
	})
	time.Sleep(delay)
	server.Process.Kill()
	server.Wait()
	if killed != nil {
		killed()
	}
	rest := string(must(io.ReadAll(out)))
	for _, pid := range left {
		eventually(t, "the helper ends", func() bool { return gone(pid) })
	}
	return rest
}

// Questions that come when nobody is there any more, or are being answered then,
// do get an answer.
func TestKilled(t *testing.T) {
	watch(t)
	self := must(os.Executable())
	for range muxtest.Rounds(20) {
		delay := time.Duration(rand.IntN(10_000)) * time.Microsecond
		if got := serveKilled(t, delay, nil, self, "ask", "often", "500"); got != "asked\n" {
			t.Fatalf("killed %v after the first line: %q", delay, got)
		}
	}
}

// A daemon that is left behind works on, with all sorts of programs. Its output
// is still there, but no terminal.
func TestDaemon(t *testing.T) {
	watch(t)
	dir := t.TempDir()
	fifo := filepath.Join(dir, "go-on")
	if err := exec.Command("mkfifo", fifo).Run(); err != nil {
		t.Skip(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("text"), 0o666); err != nil {
		t.Fatal(err)
	}
	goOn := func() {
		w := must(os.OpenFile(fifo, os.O_WRONLY, 0)) // blocks until it is read
		must(w.WriteString("go on\n"))
		w.Close()
	}
	const script = `echo ready; read x <"$1"
		cat "$3" | wc -c >&2; tar cf - -C "$(dirname "$3")" file | tar tf -; ls -d /; dd if=/dev/zero bs=10 count=1 2>/dev/null | od -c
		test -t 1 || echo no terminal; "$2" answers 1; echo end`
	got := serveKilled(t, 0, goOn, "sh", "-c", script, "sh", fifo, must(os.Executable()), file)
	for _, want := range []string{"4\n", "file\n/\n0000000  \\0", "\nno terminal\n1: no terminal, 10000 10000 10000 ", "\nend\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want in it %q", got, want)
		}
	}
}
