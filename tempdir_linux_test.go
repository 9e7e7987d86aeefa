package iomux_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
	"github.com/seed-5082a588/iomux/internal/seccomp"
	"golang.org/x/sys/unix"
)

func init() {
	children["killedReader"] = killedReader
	children["notWritable"] = notWritable
	children["hiddenProcess"] = hiddenProcess
	children["withoutProc"] = withoutProc
	children["fullTempDir"] = fullTempDir
	children["connect"] = connectTo
}

// checkWorks gives what is wrong with m, nil if it does what it should.
func checkWorks(m *iomux.Mux) error {
	f, err := m.MakeTaggedSender("x")
	if err != nil {
		return err
	}
	fmt.Fprint(f, "data")
	f.Close()
	if d, err := m.Read(); err != nil || d.Tag != "x" || string(d.Data) != "data" {
		return fmt.Errorf("got %q %q, %v", d.Tag, d.Data, err)
	}
	if _, ok, err := m.TryRead(); ok || err != io.EOF {
		return fmt.Errorf("at the end: %v, %v", ok, err)
	}
	return nil
}

// The directory for temporary files is empty at once, and stays so.
func TestNoFiles(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, _ *iomux.Mux) {
		dir := t.TempDir()
		t.Setenv("TMPDIR", dir)
		m := must(muxOf(k.Name, dir))
		defer m.Close()
		defer must(m.MakeSender()).Close()
		if left := names(dir); len(left) != 0 {
			t.Errorf("there is %v", left)
		}
	})
}

// killedReader reads until it is killed.
func killedReader(args []string) int {
	m := must(muxOf(args[0], os.Getenv("TMPDIR")))
	must(m.MakeSender())
	fmt.Println("ready")
	m.Read()
	return 0
}

func TestKilledReaderLeavesNothing(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, _ *iomux.Mux) {
		dir := t.TempDir()
		t.Setenv("TMPDIR", dir)
		cmd := childCommand("killedReader", k.Name)
		_, wait := startReady(t, cmd, "ready\n")
		cmd.Process.Kill()
		wait()
		if left := names(dir); len(left) != 0 {
			t.Errorf("there is %v", left)
		}
	})
}

// deepDir makes a directory whose path has length bytes.
func deepDir(t testing.TB, root string, length int) string {
	t.Helper()
	for length-len(root) > 201 {
		root += "/" + strings.Repeat("d", 199)
	}
	root += "/" + strings.Repeat("e", length-len(root)-1)
	if err := os.MkdirAll(root, 0o700); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestLongPaths(t *testing.T) {
	watch(t)
	leakCheck(t)
	for _, length := range []int{90, 107, 108, 109, 200, 1000, 3000} {
		root := t.TempDir()
		if length < len(root)+2 {
			continue
		}
		dir := deepDir(t, root, length)
		m, err := iomux.NewIn(dir)
		if err != nil {
			t.Errorf("%d bytes: %v", length, err)
			continue
		}
		if err := checkWorks(m); err != nil {
			t.Errorf("%d bytes: %v", length, err)
		}
		if left := names(dir); len(left) != 0 {
			t.Errorf("%d bytes: there is %v", length, left)
		}
		m.Close()
	}
}

// wantFailure wants that NewIn and New with this directory fail with want, and
// say where.
func wantFailure(t testing.TB, dir string, want error) {
	t.Helper()
	for _, where := range []string{"NewIn", "New"} {
		m, err := iomux.NewIn(dir)
		if where == "New" {
			old := os.Getenv("TMPDIR")
			os.Setenv("TMPDIR", dir)
			m, err = iomux.New()
			os.Setenv("TMPDIR", old)
		}
		if m != nil || !errors.Is(err, want) {
			t.Errorf("%s with %.60q: %v, want %v", where, dir, err, want)
		} else if !strings.HasPrefix(err.Error(), "iomux: ") || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s with %.60q says only: %v", where, dir, err)
		}
	}
}

func TestBadDirectories(t *testing.T) {
	leakCheck(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must(0, os.WriteFile(file, nil, 0o600))
	must(0, os.Symlink("loop", filepath.Join(dir, "loop")))
	wantFailure(t, filepath.Join(dir, "missing"), os.ErrNotExist)
	wantFailure(t, file, unix.ENOTDIR)
	wantFailure(t, filepath.Join(dir, "loop"), unix.ELOOP)
	wantFailure(t, filepath.Join(dir, strings.Repeat("n", 256)), unix.ENAMETOOLONG)
	wantFailure(t, strings.Repeat("/"+strings.Repeat("n", 200), 30), unix.ENAMETOOLONG)
	if m, err := iomux.NewIn("nul\x00byte"); m != nil || !errors.Is(err, unix.EINVAL) {
		t.Errorf("a path with NUL: %v", err)
	}
	if left := names(dir); len(left) != 2 {
		t.Errorf("there is %v", left)
	}
}

// A directory is where the kernel finds it: its name may begin like an abstract address
// for package unix, and a ".." come after a symbolic link.
func TestDirectoryNames(t *testing.T) {
	leakCheck(t)
	t.Chdir(t.TempDir())
	must(0, os.Mkdir("@dir", 0o700))
	must(0, os.MkdirAll("far/deep", 0o700))
	must(0, os.Mkdir("far/dir", 0o700))
	must(0, os.Symlink("far/deep", "link"))
	for _, dir := range []string{"@dir", "./@dir", "link/../dir", "link"} {
		m, err := iomux.NewIn(dir)
		if err == nil {
			err = checkWorks(m)
			m.Close()
		}
		if left := names(dir); err != nil || len(left) != 0 {
			t.Errorf("%s: %v, and there is %v", dir, err, left)
		}
	}
	if m, err := iomux.NewIn("missing/.."); m != nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing/..: %v", err)
	}
}

// Nobody else can reach the socket while it has a file, whatever the umask: its
// directory is private before and after everybody who has the socket may connect.
func TestSocketIsPrivate(t *testing.T) {
	for _, call := range []uintptr{unix.SYS_FCHMODAT, unix.SYS_UNLINKAT} {
		leakCheck(t)
		dir := t.TempDir()
		old := unix.Umask(0)
		refuse := seccomp.Errno(unix.EPERM)
		m, err := newUnder(t, dir, seccomp.Rule{Call: call, Action: refuse}, seccomp.Rule{Call: unix.SYS_UNLINKAT, Action: refuse})
		unix.Umask(old)
		if m != nil || !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), dir) {
			t.Fatalf("call %d refused: %v", call, err)
		}
		left := must(os.ReadDir(dir))
		if len(left) != 1 || must(left[0].Info()).Mode() != os.ModeDir|0o700 {
			t.Errorf("call %d refused: there is %v", call, left)
		}
	}
}

// Another directory in the place of the private one is noticed.
func TestExchangedDirectory(t *testing.T) {
	leakCheck(t)
	dir := t.TempDir()
	must(0, os.Chmod(dir, 0o755))
	if err := iomux.OpenPrivate(dir); !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), dir) {
		t.Errorf("one with another mode: %v", err)
	}
	must(0, os.Chmod(dir, 0o700))
	if err := iomux.OpenPrivate(dir); err != nil {
		t.Errorf("its own: %v", err)
	}
	link := filepath.Join(t.TempDir(), "link")
	must(0, os.Symlink(dir, link))
	if err := iomux.OpenPrivate(link); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("a symbolic link: %v", err)
	}
	if os.Geteuid() != 0 {
		return
	}
	must(0, os.Chown(dir, 65534, 65534))
	if err := iomux.OpenPrivate(dir); !errors.Is(err, unix.EPERM) {
		t.Errorf("one of another user: %v", err)
	}
}

// newUnder is NewIn on a thread under a filter.
func newUnder(t *testing.T, dir string, rules ...seccomp.Rule) (m *iomux.Mux, err error) {
	var refused *seccomp.Error
	threadErr := seccomp.OnThread(func() error {
		if _, err := seccomp.Install(seccomp.Build(rules...), 0, true); err != nil {
			return err
		}
		m, err = iomux.NewIn(dir)
		return nil
	}, nil)
	if errors.As(threadErr, &refused) {
		t.Skip(threadErr)
	}
	return m, err
}

// notWritable tries a directory in which only others may write.
func notWritable(args []string) int {
	muxtest.BecomeOrdinary(args[0])
	if m, err := iomux.NewIn(args[1]); m != nil || !errors.Is(err, os.ErrPermission) {
		return checkFailed("got %v, %v, want os.ErrPermission", m, err)
	}
	return 0
}

func TestNotWritable(t *testing.T) {
	dir := t.TempDir()
	must(0, os.Chmod(dir, 0o500))
	runCheck(t, "notWritable", "61000", dir)
}

// hiddenProcess is an ordinary user's process that may not be looked at, not by
// that user either: what /proc has of it belongs to root.
func hiddenProcess(args []string) int {
	muxtest.BecomeOrdinary(args[0])
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		panic(err)
	}
	m, err := muxOf(args[1], "")
	if err != nil {
		return checkFailed("%v", err)
	}
	defer m.Close()
	if err := checkWorks(m); err != nil {
		return checkFailed("%v", err)
	}
	return 0
}

func TestHiddenProcess(t *testing.T) {
	t.Setenv("TMPDIR", "/tmp")
	forKinds(t, func(t *testing.T, k kind, _ *iomux.Mux) { runCheck(t, "hiddenProcess", "61000", k.Name) })
}

// withoutProc uses Muxes where there is no /proc.
func withoutProc(args []string) int {
	initPoller()
	for _, err := range []error{syscall.Chroot(args[0]), os.Chdir("/")} {
		if err != nil {
			return checkFailed("%v", err)
		}
	}
	os.Setenv("TMPDIR", "/tmp")
	for _, in := range []string{"", "/tmp", "tmp", ".", "/" + strings.Repeat("d", 80)} {
		if err := keepsDirectory(in); err != nil {
			return checkFailed("NewIn(%q): %v", in, err)
		}
	}
	m, err := iomux.NewIn("/" + strings.Repeat("d", 120))
	if m != nil || !errors.Is(err, unix.ENAMETOOLONG) || !strings.Contains(err.Error(), "NewAbstract") || !strings.Contains(err.Error(), "TMPDIR") {
		return checkFailed("with a long path: %v", err)
	}
	if left := names("/" + strings.Repeat("d", 120)); len(left) != 0 {
		return checkFailed("left after the error: %v", left)
	}
	for _, make := range []func() (*iomux.Mux, error){iomux.NewAbstract, iomux.NewPipe} {
		m, err := make()
		if err != nil {
			return checkFailed("%v", err)
		}
		if err := checkWorks(m); err != nil {
			return checkFailed("%v", err)
		}
		m.Close()
	}
	return 0
}

// fullTempDir uses Muxes where TMPDIR is a file system that takes the directory
// and the socket, or only the first, or nothing, or is read-only.
func fullTempDir([]string) int {
	dir := os.Getenv("TMPDIR")
	for _, c := range []struct {
		options string
		flags   uintptr
		want    error
	}{
		{"nr_inodes=1", 0, unix.ENOSPC}, // the root of it
		{"nr_inodes=2", 0, unix.ENOSPC},
		{"nr_inodes=3", 0, nil},
		{"", unix.MS_RDONLY, unix.EROFS},
		{"mode=0", 0, nil}, // for root
	} {
		if err := unix.Mount("iomux", dir, "tmpfs", c.flags, c.options); err != nil {
			fmt.Println("skip: no file system to be had:", err)
			return 0
		}
		for range 3 { // the place is given back each time
			for _, make := range []func() (*iomux.Mux, error){iomux.New, func() (*iomux.Mux, error) { return iomux.NewIn(dir) }} {
				m, err := make()
				if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), dir) {
					return checkFailed("%s: %v, want %v", c.options, err, c.want)
				}
				if err == nil {
					err = checkWorks(m)
					m.Close()
				}
				if left := names(dir); len(left) != 0 || err != nil && c.want == nil {
					return checkFailed("%s: left %v, %v", c.options, left, err)
				}
			}
		}
		for _, make := range []func() (*iomux.Mux, error){iomux.NewAbstract, iomux.NewPipe} {
			m := must(make())
			if err := checkWorks(m); err != nil {
				return checkFailed("%s: %v", c.options, err)
			}
			m.Close()
		}
		must(0, unix.Unmount(dir, 0))
	}
	return 0
}

// Nothing stays behind in a full directory, and the error tells where.
func TestFullTempDir(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may mount a file system that is full")
	}
	watch(t)
	t.Setenv("TMPDIR", t.TempDir())
	cmd := childCommand("fullTempDir")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) { // EINVAL in a chroot
		t.Skip("root may not have its own mounts here")
	}
	if strings.HasPrefix(string(out), "skip: ") {
		t.Skipf("%s", out)
	}
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// keepsDirectory uses a Mux whose directory has to stay until Close.
func keepsDirectory(in string) error {
	where := in
	if in == "" {
		where = "/tmp"
	}
	where = must(filepath.Abs(where))
	before := len(names(where))
	m, err := iomux.NewIn(in)
	if err != nil {
		return err
	}
	if err := checkWorks(m); err != nil {
		return err
	}
	private := must(filepath.Glob(filepath.Join(where, "iomux-*")))
	if len(private) != 1 || len(names(private[0])) != 1 {
		return fmt.Errorf("there is %v", private)
	}
	if mode := must(os.Stat(private[0])).Mode().Perm(); mode != 0o700 {
		return fmt.Errorf("its mode is %v", mode)
	}
	must(0, os.Chdir("/tmp")) // a relative path must not depend on that
	defer os.Chdir("/")
	if err := checkWorks(m); err != nil {
		return err
	}
	reset := muxtest.LimitTo(0) // it must go without descriptors
	err = m.Close()
	reset()
	if err != nil {
		return err
	}
	if after := names(where); len(after) != before {
		return fmt.Errorf("left after Close: %v", after)
	}
	return nil
}

func TestWithoutProc(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may leave /proc behind (chroot)")
	}
	root := t.TempDir()
	for _, dir := range []string{"tmp", strings.Repeat("d", 80), strings.Repeat("d", 120)} {
		must(0, os.Mkdir(filepath.Join(root, dir), 0o777))
	}
	runCheck(t, "withoutProc", root)
	if left := names(root); len(left) != 3 {
		t.Errorf("there is %v", left)
	}
}

// A mode for new files that takes away everything must not matter to root, and
// gives an error or works for others, but leaves nothing.
func TestUmask(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, _ *iomux.Mux) {
		for _, mask := range []int{0o077, 0o022, 0o777, 0} {
			dir := t.TempDir()
			old := unix.Umask(mask)
			m, err := muxOf(k.Name, dir)
			unix.Umask(old)
			if err == nil {
				err = checkWorks(m)
				m.Close()
			}
			if err != nil && (mask != 0o777 || !errors.Is(err, os.ErrPermission)) {
				t.Errorf("umask %s: %v", strconv.FormatInt(int64(mask), 8), err)
			}
			if left := names(dir); len(left) != 0 {
				t.Errorf("umask %s leaves %v", strconv.FormatInt(int64(mask), 8), left)
			}
		}
	})
}

func init() { children["run-setuid"] = makeSenderAfterSetuid }

// makeSenderAfterSetuid makes a Mux as root and a sender as somebody else, in an empty
// root directory if one is given.
func makeSenderAfterSetuid(args []string) int {
	m, err := iomux.New()
	if err != nil {
		return checkFailed("%v", err)
	}
	for _, dir := range args {
		if err := errors.Join(syscall.Chroot(dir), os.Chdir("/")); err != nil {
			return checkFailed("chroot: %v", err)
		}
	}
	if err := syscall.Setuid(65534); err != nil {
		return checkFailed("%v", err)
	}
	before := len(openFiles())
	for range 3 { // as often as one likes
		if err := checkWorks(m); err != nil {
			return checkFailed("%v", err)
		}
	}
	if wd, err := os.Getwd(); len(args) > 0 && wd != "/" {
		return checkFailed("the working directory is %q, %v", wd, err)
	}
	if after := len(openFiles()); after != before {
		return checkFailed("%d descriptors, there were %d", after, before)
	}
	return 0
}

// A process that changes its root directory after New, to one without /proc, and gives
// up root, makes senders all the same.
func TestChrootAfterNew(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	runCheck(t, "run-setuid", t.TempDir())
}

func init() { children["run-jail"] = makeSenderInJail }

// makeSenderInJail makes a Mux and then a sender in a root directory where what should
// lead to the receive end leads to the sockets of somebody else; or where proc is a file.
func makeSenderInJail(args []string) int {
	dir := args[0]
	m, err := iomux.New()
	if err != nil {
		return checkFailed("%v", err)
	}
	if args[1] == "file" {
		err = os.WriteFile(filepath.Join(dir, "proc"), nil, 0o666)
	} else {
		err = errors.Join(os.MkdirAll(filepath.Join(dir, "proc/self/fd"), 0o777), os.Mkdir(filepath.Join(dir, "tmp"), 0o777))
		for fd := 0; err == nil && fd < 40; fd++ {
			s := must(unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0))
			err = unix.Bind(s, &unix.SockaddrUnix{Name: filepath.Join(dir, "proc/self/fd", strconv.Itoa(fd))})
		}
	}
	if err := errors.Join(err, syscall.Chroot(dir), os.Chdir("/")); err != nil {
		return checkFailed("%v", err)
	}
	if err := checkWorks(m); err != nil {
		return checkFailed("%v", err)
	}
	if args[1] == "file" {
		return 0
	}
	// A Mux that is made there, beside the first one and then alone.
	for _, other := range []*iomux.Mux{m, nil} {
		late, err := iomux.NewIn("/tmp")
		if err != nil {
			return checkFailed("%v", err)
		}
		if err := checkWorks(late); err != nil {
			return checkFailed("a Mux made there: %v", err)
		}
		late.Close()
		if other != nil {
			other.Close()
		}
	}
	return 0
}

// A new root directory with a proc of somebody else's makes no difference.
func TestJailAfterNew(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	for _, proc := range []string{"file", "sockets"} {
		dir := must(os.MkdirTemp("/tmp", "jail"))
		defer os.RemoveAll(dir)
		runCheck(t, "run-jail", dir, proc)
	}
}

// A process that gives up root after New makes senders all the same.
func TestSetuidAfterNew(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	runCheck(t, "run-setuid")
}

// Another user cannot reach the receive end by way of this process's descriptors;
// root can, so the test would see it.
func TestOtherUserCannotReach(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to become another user")
	}
	watch(t)
	m := must(iomux.New())
	defer m.Close()
	defer must(m.MakeSender()).Close() // else there could be an end
	self := strconv.Itoa(os.Getpid())
	if reached := must(childCommand("connect", self).Output()); len(reached) == 0 {
		t.Skip("not even root can connect by way of /proc here")
	}
	other := childCommand("connect", self)
	other.Path = readable(t, "self")
	other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	reached, err := other.Output()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) {
		t.Skip("root may not become another user here")
	}
	if err != nil || len(reached) != 0 {
		t.Errorf("another user reaches the descriptors %q, %v", reached, err)
	}
}

// connectTo prints the descriptors of a process that it can connect to.
func connectTo(args []string) int {
	for n := range 1024 {
		fd := must(unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0))
		name := fmt.Sprintf("/proc/%s/fd/%d", args[0], n)
		if unix.Connect(fd, &unix.SockaddrUnix{Name: name}) == nil {
			fmt.Print(n, " ")
		}
		unix.Close(fd)
	}
	return 0
}
