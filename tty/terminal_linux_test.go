//go:build amd64 || arm64

package tty_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/tty"
)

// answers prints what the system says of each descriptor given.
func answers(args []string) int {
	var b strings.Builder
	for _, arg := range args {
		fd := must(strconv.Atoi(arg))
		fmt.Fprintf(&b, "%d: %s\n", fd, describe(fd))
	}
	os.Stdout.WriteString(b.String())
	return 0
}

func describe(fd int) string {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err.Error()
	}
	var at unix.Stat_t
	if err := fstatat(fd, "", &at, unix.AT_EMPTY_PATH); err != nil {
		return err.Error()
	}
	var stx unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS, &stx); err != nil {
		return err.Error()
	}
	kind := fmt.Sprintf("%o %o %o %d:%d", st.Mode&unix.S_IFMT, at.Mode&unix.S_IFMT, stx.Mode&unix.S_IFMT, stx.Rdev_major, stx.Rdev_minor)
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return fmt.Sprintf("no terminal, %s, %v", kind, err)
	}
	w, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%dx%d, %s", w.Col, w.Row, kind)
}

func fstatat(fd int, path string, st *unix.Stat_t, flags int) error {
	p := must(unix.BytePtrFromString(path))
	_, _, errno := unix.Syscall6(sysFstatat, uintptr(fd), uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(st)), uintptr(flags), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

const device = "20000 20000 20000 136:1048575"

func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		term tty.Terminal
		want string
	}{
		"zero": {tty.Terminal{}, "80x24"},
		"rows": {tty.Terminal{Rows: 50}, "80x50"},
		"size": {tty.Terminal{Rows: 1, Cols: 65535}, "65535x1"},
		"pipe": {tty.Terminal{Real: must(os.Open(os.DevNull))}, "80x24"},
	} {
		t.Run(name, func(t *testing.T) {
			forKinds(t, func(t *testing.T, m *iomux.Mux) {
				cmd := child("answers", "1", "2")
				want := fmt.Sprintf("1: %s, %s\n2: %[1]s, %[2]s\n", c.want, device)
				if r := run(t, m, c.term, cmd); r.stdout != want || r.err != nil {
					t.Errorf("%q, %v, want %q", r.stdout, r.err, want)
				}
			})
		})
	}
}

// What is no sender is what it is, also where a sender was.
func TestOthers(t *testing.T) {
	forKinds(t, func(t *testing.T, m *iomux.Mux) {
		const script = `"$0" answers 0 1 3 4 99 | { read a; read b; read c; read d; read e; echo "$a; $b; $c; $d; $e"; }`
		cmd := exec.Command("sh", "-c", script, must(os.Executable()))
		in := must(os.Open(os.DevNull))
		defer in.Close()
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		cmd.Stdin, cmd.ExtraFiles = in, []*os.File{w, must(os.Open("/"))}
		defer cmd.ExtraFiles[1].Close()
		want := "0: no terminal, 20000 20000 20000 1:3, inappropriate ioctl for device; " +
			"1: no terminal, 10000 10000 10000 0:0, inappropriate ioctl for device; " +
			"3: no terminal, 10000 10000 10000 0:0, inappropriate ioctl for device; " +
			"4: no terminal, 40000 40000 40000 0:0, inappropriate ioctl for device; " +
			"99: bad file descriptor\n"
		if got := run(t, m, tty.Terminal{}, cmd); got.stdout != want || got.err != nil {
			t.Errorf("got\n%s, %v, want\n%s", got.stdout, got.err, want)
		}
	})
}

// Only pipes and sockets become terminals, and each pipe or socket for itself.
func TestOneStream(t *testing.T) {
	watch(t)
	file := must(os.Create(t.TempDir() + "/file"))
	defer file.Close()
	for name, stderr := range map[string]*os.File{"nil": nil, "file": file} {
		t.Run(name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			cmd := child("answers", "1", "2")
			cmd.Stdout = w
			if stderr != nil {
				cmd.Stderr = stderr
			}
			startErr := tty.Terminal{}.Start(cmd)
			w.Close()
			if startErr != nil {
				t.Skip(startErr)
			}
			got := string(must(io.ReadAll(r)))
			if want := "1: 80x24, " + device + "\n2: no terminal, "; !strings.HasPrefix(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// The two streams are one terminal, with one memory for its modes and its size.
func TestModes(t *testing.T) {
	forKinds(t, func(t *testing.T, m *iomux.Mux) {
		r := run(t, m, tty.Terminal{}, sh(`stty raw -echo <&1 && stty -a <&2 | tr ' ' '\n' | grep -E '^-?(echo|opost|icanon|onlcr);?$' &&
			stty sane <&2 && stty rows 7 cols 9 <&1 && stty size <&2`))
		if want := "-opost\nonlcr\n-icanon\n-echo\n7 9\n"; r.stdout != want || r.err != nil {
			t.Errorf("got %+v, want %q", r, want)
		}
	})
}

func TestTerm(t *testing.T) {
	forKinds(t, func(t *testing.T, m *iomux.Mux) {
		t.Setenv("TERM", "outer")
		for term, want := range map[string]string{"": "outer\n", "dumb": "dumb\n"} {
			cmd := sh(`echo $TERM`)
			if r := run(t, m, tty.Terminal{Term: term}, cmd); r.stdout != want {
				t.Errorf("TERM is %q, want %q", r.stdout, want)
			}
			if cmd.Env != nil {
				t.Error("Env of the Cmd has changed")
			}
		}
	})
}

// What is written is not translated, and each stream is what it is.
func TestBytes(t *testing.T) {
	forKinds(t, func(t *testing.T, m *iomux.Mux) {
		r := run(t, m, tty.Terminal{}, sh(`printf 'a\r\n'; printf 'b\n\tc' >&2; exit 3`))
		if r.stdout != "a\r\n" || r.stderr != "b\n\tc" || r.both != "a\r\nb\n\tc" {
			t.Errorf("got %+v", r)
		}
		if r.err == nil || r.err.Error() != "exit status 3" {
			t.Errorf("Wait: %v", r.err)
		}
	})
}

// Whoever sets O_NONBLOCK on the terminal has not, and loses nothing by it.
func TestNonblock(t *testing.T) {
	forKinds(t, func(t *testing.T, m *iomux.Mux) {
		start(t, m, tty.Terminal{}, child("ask", "nonblock"))
		got := 0
		for d, err := range m.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got += len(d.Data)
		}
		if want := 2 * 1000 * 100; got != want {
			t.Errorf("got %d bytes, want %d", got, want)
		}
	})
}

// A signal whose handler lacks SA_RESTART may interrupt a call that is asked about,
// before the question is taken. It does nothing else, and nothing to other calls.
func TestInterrupted(t *testing.T) {
	watch(t)
	for _, restart := range []string{"yes", "no"} {
		text := runOnPipe(t, tty.Terminal{}, child("ask", "interrupted", restart, "1000"))
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || restart == "yes" && n > 0 {
			t.Errorf("SA_RESTART %s: %q", restart, text)
		}
		t.Logf("SA_RESTART %s: %d interruptions in 1000 calls", restart, n)
	}
}

// Without a descriptor for the answer there is no terminal, and the command works
// on. Where none at all is allowed, as in a sandbox, the helper takes over.
func TestStarved(t *testing.T) {
	for limit, want := range map[string]string{"1": "none\nterminal\n", "0": "none\nnone\n"} {
		t.Run(limit, func(t *testing.T) {
			watch(t)
			checkNothingLeft(t)
			cmd := child("starve", limit)
			stdin := must(cmd.StdinPipe())
			stdout := bufio.NewReader(must(cmd.StdoutPipe()))
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			got := must(stdout.ReadString('\n'))
			if strings.HasPrefix(got, "tty: ") {
				cmd.Wait()
				t.Skip(got)
			}
			stdin.Write([]byte("\n"))
			if got += must(stdout.ReadString('\n')); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

func setNonblock() int {
	flag := 1
	for fd := 1; fd <= 2; fd++ {
		if err := unix.SetNonblock(fd, true); err != nil {
			return 1
		}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), 0x5421, uintptr(unsafe.Pointer(&flag))); errno != 0 {
			return 2
		}
	}
	line := []byte(strings.Repeat("x", 99) + "\n")
	for range 1000 {
		for fd := 1; fd <= 2; fd++ {
			if n, err := unix.Write(fd, line); n != len(line) || err != nil {
				return 3
			}
		}
	}
	return 0
}
