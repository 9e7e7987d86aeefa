package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
)

// need skips a test of programs that are not there.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if err := exec.Command(p, "--version").Run(); err != nil {
			t.Skipf("%s cannot be run: %v", p, err)
		}
	}
}

// textOf gives what comes of each tag as a whole, and the last error.
func textOf(m *iomux.Mux, cmd *exec.Cmd) (out, errs string, last error) {
	var text [2]bytes.Buffer
	for d, err := range m.Output(cmd) {
		last = err
		switch d.Tag {
		case iomux.Stdout:
			text[0].Write(d.Data)
		case iomux.Stderr:
			text[1].Write(d.Data)
		}
	}
	return text[0].String(), text[1].String(), last
}

// forBoth is forKinds with one muxtest.Kind of sockets and one of pipes, for programs
// that take long.
func forBoth(t *testing.T, test func(t *testing.T, k muxtest.Kind, m *iomux.Mux)) {
	all := muxtest.Kinds
	defer func() { muxtest.Kinds = all }()
	muxtest.Kinds = slices.DeleteFunc(slices.Clone(all), func(k muxtest.Kind) bool { return k.Name != "New" && k.Name != "NewPipe" })
	muxtest.ForKinds(t, test)
}

// Node.js writes to pipes; to a datagram socket it writes nothing at all, and
// exits 0. So the documentation says. From a timer the order between the
// streams is best effort: Node.js keeps a line for later when the one before it
// in that stream was not read yet. That of each stream is sure.
func TestNodeTimer(t *testing.T) {
	need(t, "node")
	const script = `let i = 0; const timer = setInterval(() => {
		if (i % 2) console.error(i); else console.log(i);
		if (++i == 200) clearInterval(timer);
	}, 1)`
	forBoth(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		next := map[string]int{iomux.Stdout: 0, iomux.Stderr: 1}
		n, moved := 0, 0
		for d, err := range iomux.Lines(m.Output(exec.Command("node", "-e", script))) {
			if err != nil || string(d.Data) != fmt.Sprintln(next[d.Tag]) {
				t.Fatalf("%s %q, %v, want %d", d.Tag, d.Data, err, next[d.Tag])
			}
			if next[d.Tag] != n {
				moved++
			}
			next[d.Tag] += 2
			n++
		}
		if want := map[bool]int{true: 200}[k.Pipe]; n != want {
			t.Errorf("got %d lines, want %d", n, want)
		}
		if moved > 0 {
			t.Logf("%d of %d lines have changed places", moved, n)
		}
	})
}

// With nothing left unread in either pipe the order between the streams is
// exact: here each line on both is read before the next two are asked for.
func TestNodeAlternating(t *testing.T) {
	need(t, "node")
	const script = `let i = 0; process.stdin.on("data", () => { console.log(i++); console.error(i++) })`
	m := muxtest.NewPipeMux(t)
	cmd := exec.Command("node", "-e", script)
	in, ask := muxtest.Must2(os.Pipe())
	defer in.Close()
	cmd.Stdin = in
	ask.WriteString("x")
	n := 0
	for d, err := range m.Output(cmd) {
		tag := []string{iomux.Stdout, iomux.Stderr}[n%2]
		if err != nil || d.Tag != tag || string(d.Data) != fmt.Sprintln(n) {
			t.Errorf("got %s %q, %v, want %s %d", d.Tag, d.Data, err, tag, n)
			ask.Close()
			break
		}
		switch n++; {
		case n == 1000:
			ask.Close()
		case n%2 == 0:
			ask.WriteString("x")
		}
	}
	if n != 1000 {
		t.Errorf("got %d lines", n)
	}
}

func TestNodeManyLines(t *testing.T) {
	need(t, "node")
	m := muxtest.NewPipeMux(t)
	n := 0
	for d, err := range iomux.Lines(m.Output(exec.Command("node", "-e", "for (let i = 0; i < 100000; i++) console.log(i)"))) {
		if err != nil || string(d.Data) != fmt.Sprintln(n) {
			t.Fatalf("got %q, %v, want %d", d.Data, err, n)
		}
		n++
	}
	if n != 100_000 {
		t.Errorf("got %d lines", n)
	}
}

// Python prints 20 MB in one call. That is too much for a datagram, and it says
// so; with a pipe all of it comes.
func TestPythonLargeWrite(t *testing.T) {
	need(t, "python3")
	const size = 5_000_000
	forBoth(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		out, errs, err := textOf(m, exec.Command("python3", "-c", fmt.Sprintf("print('x' * %d)", size)))
		if k.Pipe {
			if err != nil || errs != "" || out != strings.Repeat("x", size)+"\n" {
				t.Errorf("%d bytes, %.200q, %v", len(out), errs, err)
			}
			return
		}
		if err == nil || !strings.Contains(errs, "Message too long") && !strings.Contains(errs, "No buffer space") {
			t.Errorf("%d bytes, %.500q, %v, want EMSGSIZE or ENOBUFS", len(out), errs, err)
		}
	})
}

// Python writes nothing, as a datagram of no bytes, in the middle of tracebacks.
func TestPythonTraceback(t *testing.T) {
	need(t, "python3")
	const script = `import sys
print('out', flush=True)
def f(n): return 1 / n
try: f(0)
except Exception as e: raise RuntimeError('again') from e`
	var want bytes.Buffer
	separate := exec.Command("python3", "-c", script)
	separate.Stderr = &want
	separate.Run()
	forBoth(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		out, errs, err := textOf(m, exec.Command("python3", "-c", script))
		if exit := new(exec.ExitError); !errors.As(err, &exit) || out != "out\n" || errs != want.String() {
			t.Errorf("got %q and %q, %v, want %q", out, errs, err, want.String())
		}
	})
}

// Writes of 1 MiB come out of a pipe in pages, and of a socket whole, if it
// takes them; this process has to be allowed to make its buffer so large.
func TestDDLargeWrites(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		pieces, size := 0, 0
		var last error
		for d, err := range m.Output(exec.Command("dd", "if=/dev/zero", "bs=1M", "count=8", "status=none")) {
			if last = err; d.Tag == iomux.Stdout {
				pieces++
				size += len(d.Data)
			}
		}
		switch {
		case k.Pipe && (last != nil || size != 8<<20 || pieces != size/os.Getpagesize()),
			!k.Pipe && last == nil && (size != 8<<20 || pieces != 8),
			!k.Pipe && last != nil && size != 0:
			t.Errorf("%d bytes in %d pieces, %v", size, pieces, last)
		}
	})
}

// 8 MiB in one write is more than any datagram.
func TestDDTooLarge(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		cmd := exec.Command("dd", "if=/dev/zero", "bs=8M", "count=1", "status=none")
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		out, errs, err := textOf(m, cmd)
		if k.Pipe && (err != nil || errs != "" || len(out) != 8<<20) {
			t.Errorf("%d bytes, %q, %v", len(out), errs, err)
		}
		if !k.Pipe && (err == nil || out != "" || !strings.Contains(errs, "Message too long") && !strings.Contains(errs, "No buffer space")) {
			t.Errorf("%d bytes, %q, %v, want EMSGSIZE", len(out), errs, err)
		}
	})
}

// A socket cannot be opened by its path, as a pipe can.
func TestShellOpensStderr(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		cmd := muxtest.Shell("echo a >/dev/stderr && echo b >/dev/stdout")
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		out, errs, err := textOf(m, cmd)
		if k.Pipe && (err != nil || out != "b\n" || errs != "a\n") {
			t.Errorf("got %q, %q, %v", out, errs, err)
		}
		if !k.Pipe && (err == nil || out != "" || !strings.Contains(errs, "/dev/stderr")) {
			t.Errorf("got %q, %q, %v, want an error of the shell", out, errs, err)
		}
	})
}

func TestGit(t *testing.T) {
	need(t, "git")
	dir := t.TempDir()
	git := func(args ...string) *exec.Cmd {
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=n", "-c", "user.email=e@example.com"}, args...)...)
		cmd.Env = append(os.Environ(), "LC_ALL=C", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
		return cmd
	}
	for _, args := range [][]string{{"init", "-q"}, {"commit", "-q", "--allow-empty", "-m", "first"}, {"tag", "one"}} {
		if out, err := git(args...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		muxtest.WantPieces(t, iomux.Lines(m.Output(git("log", "--format=%s %D", "-1", "one"))), "stdout first HEAD -> "+branch(git)+", tag: one\n")
		if _, errs, err := textOf(m, git("show", "no-such-commit")); err == nil || !strings.Contains(errs, "no-such-commit") {
			t.Errorf("got %q, %v", errs, err)
		}
	})
}

func branch(git func(...string) *exec.Cmd) string {
	return strings.TrimSpace(string(muxtest.Must(git("branch", "--show-current").Output())))
}

// Every recipe writes three lines; each stays whole and those of one in order,
// however many run at once.
func TestMakeParallel(t *testing.T) {
	need(t, "make")
	const jobs = 30
	name := filepath.Join(t.TempDir(), "Makefile")
	var rules strings.Builder
	rules.WriteString("all:")
	for i := range jobs {
		fmt.Fprintf(&rules, " t%d", i)
	}
	for i := range jobs {
		fmt.Fprintf(&rules, "\nt%d:\n\t@echo %d 0; echo %d 1 >&2; echo %d 2\n", i, i, i, i)
	}
	if err := os.WriteFile(name, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		next := map[int]int{}
		cmd := exec.Command("make", "-s", "-j", "8", "-f", name)
		cmd.Env = slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "MAKE") })
		for d, err := range iomux.Lines(m.Output(cmd)) {
			var job, line int
			if n, _ := fmt.Sscanf(string(d.Data), "%d %d\n", &job, &line); err != nil || n != 2 || line != next[job] {
				t.Fatalf("%s %q, %v, want line %d of the job", d.Tag, d.Data, err, next[job])
			}
			if (d.Tag == iomux.Stderr) != (line == 1) {
				t.Errorf("%q is tagged %s", d.Data, d.Tag)
			}
			next[job]++
		}
		for i := range jobs {
			if next[i] != 3 {
				t.Errorf("job %d has written %d lines", i, next[i])
			}
		}
	})
}

// go test of a module that says something on both streams and fails.
func TestGoTest(t *testing.T) {
	program, err := exec.LookPath("go")
	if err != nil {
		t.Skip(err)
	}
	cache, err := exec.Command(program, "env", "GOCACHE").Output()
	if err != nil {
		t.Skip(err)
	}
	probe, err := os.CreateTemp(strings.TrimSpace(string(cache)), "iomux-")
	if err != nil {
		t.Skip("no build cache: ", err)
	}
	probe.Close()
	os.Remove(probe.Name())

	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"m_test.go": `package m
import ("os"; "testing")
func TestA(t *testing.T) { os.Stdout.WriteString("said\n"); t.Error("wrong") }
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	forBoth(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		cmd := exec.Command(program, "test", "-count=1", "-vet=off", "./...")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOPROXY=off", "GOTOOLCHAIN=local")
		out, errs, err := textOf(m, cmd)
		exit := new(exec.ExitError)
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(out, "said\n") || !strings.Contains(out, "--- FAIL: TestA") || !strings.HasSuffix(out, "FAIL\n") {
			t.Errorf("got %q and %q, %v", out, errs, err)
		}
	})
}

func TestCatLargeFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "large")
	all := bytes.Repeat([]byte("0123456789abcdef\xff\x00\n"), 1<<20)
	if err := os.WriteFile(name, all, 0o600); err != nil {
		t.Fatal(err)
	}
	want := sha256.Sum256(all)
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		sum, n := sha256.New(), 0
		for d, err := range m.Output(exec.Command("cat", name)) {
			if err != nil || d.Tag != iomux.Stdout {
				t.Fatalf("%s, %v", d.Tag, err)
			}
			sum.Write(d.Data)
			n += len(d.Data)
		}
		if !bytes.Equal(sum.Sum(nil), want[:]) {
			t.Errorf("%d bytes came out, not the %d of the file", n, len(all))
		}
	})
}

// A child that ends by SIGPIPE within its own pipeline is none of our business.
func TestYesHead(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		lines := 0
		for d, err := range iomux.Lines(m.Output(muxtest.Shell("yes | head -n 10000"))) {
			if err != nil || string(d.Data) != "y\n" {
				t.Fatalf("%s %q, %v", d.Tag, d.Data, err)
			}
			lines++
		}
		if lines != 10_000 {
			t.Errorf("%d lines", lines)
		}
	})
}

// Leaving the loop early ends programs that write for ever.
func TestYesLeftEarly(t *testing.T) {
	muxtest.ForKinds(t, func(t *testing.T, k muxtest.Kind, m *iomux.Mux) {
		cmd := exec.Command("yes")
		n := 0
		for range iomux.Lines(m.Output(cmd)) {
			if n++; n == 100 {
				break
			}
		}
		muxtest.WantGone(t, cmd)
	})
}
