package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/tty"
)

// A program is a row of the table: a command, and what it is known to do.
type program struct {
	family string // under which heading
	name   string
	needs  []string // programs without which it cannot be run

	files map[string]string      // to be there, in the directory it runs in
	setUp func(dir string) error // makes what else it needs; an error skips it
	argv  []string
	exit  int

	// It writes so many lines, "0\n", "1\n" and so on, in this order, on
	// whatever streams. 0 if it does not.
	lines int
	// It writes the same bytes each time, so that the order can be compared
	// with that of one pipe for both streams.
	steady bool
	// clean removes what differs from run to run.
	clean func(text string) string

	sockets string // what goes wrong on sockets; "" for nothing
	pipes   string // what goes wrong on pipes of one page; "" for nothing
	refuses string // what it does not do on a terminal; "" for nothing
	byPath  bool   // it opens its output by path, so the order is best effort
	advice  string // what to do
}

// patience is how long a command may take.
const patience = time.Minute

// An outcome is what came of one run.
type outcome struct {
	stdout, stderr []byte
	both           []byte // in the order in which it came
	exit           int
	told           bool // the Mux says that output may have been lost
	err            error
}

// A kind is a way to run a command, and to get its output.
type kind struct {
	name string
	run  func(cmd *exec.Cmd) outcome

	// Never worse than a plain pipe, or the loss is told. Sockets promise that
	// for programs whose row does not say otherwise.
	pipes bool
	// Never worse than a plain pipe.
	guard bool

	// The program believes that it writes to a terminal. What it prints there
	// may be different, so only what it is known to do is compared.
	terminal bool
}

var kinds = []kind{
	{name: "pipes", run: onMux(iomux.NewPipe, nil), pipes: true},
	{name: "pipes with the guard", run: onMux(iomux.NewPipe, iomux.StartBlocking), pipes: true, guard: true},
	{name: "pipes without the guard", run: onMux(iomux.NewPipe, (*exec.Cmd).Start), pipes: true},
	{name: "sockets", run: onMux(iomux.New, nil)},
	{name: "terminal", run: onMux(iomux.NewPipe, tty.Terminal{}.Start), terminal: true},
}

// onMux runs a command on a new Mux.
func onMux(newMux func() (*iomux.Mux, error), start func(*exec.Cmd) error) func(cmd *exec.Cmd) outcome {
	return func(cmd *exec.Cmd) (o outcome) {
		m, err := newMux()
		if err != nil {
			return outcome{err: err}
		}
		defer m.Close()
		for d, err := range m.OutputWith(cmd, start) {
			o.err = err
			switch d.Tag {
			case iomux.Stdout:
				o.stdout = append(o.stdout, d.Data...)
			case iomux.Stderr:
				o.stderr = append(o.stderr, d.Data...)
			}
			o.both = append(o.both, d.Data...)
		}
		o.told = m.Nonblocking()
		return o.exited()
	}
}

// onPipes runs a command on two plain pipes.
func onPipes(cmd *exec.Cmd) (o outcome) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	o.err = cmd.Run()
	o.stdout, o.stderr = stdout.Bytes(), stderr.Bytes()
	return o.exited()
}

// onOnePipe runs a command on one plain pipe for both streams.
func onOnePipe(cmd *exec.Cmd) (o outcome) {
	o.both, o.err = cmd.CombinedOutput()
	return o.exited()
}

// exited takes the exit code out of the error.
func (o outcome) exited() outcome {
	if exit := new(exec.ExitError); errors.As(o.err, &exit) {
		o.exit, o.err = exit.ExitCode(), nil
	}
	return o
}

// A row is what came of a program on all kinds.
type row struct {
	*program
	skipped string
	plain   string            // what is wrong on a plain pipe
	found   map[string]string // what is worse than that, by the name of the kind
	untold  map[string]bool   // without a word of it
}

// run runs the program several times on each of the kinds.
func (p *program) run(times int, kinds []kind) row {
	r := row{program: p, found: make(map[string]string), untold: make(map[string]bool)}
	dir, err := p.prepare()
	defer os.RemoveAll(dir)
	if err != nil {
		r.skipped = err.Error()
		return r
	}
	plain := p.cleaned(p.once(dir, onPipes))
	if p.steady {
		plain.both = p.cleaned(p.once(dir, onOnePipe)).both
	}
	r.plain = p.known(plain)
	for _, k := range kinds {
		bad := 0
		for range times {
			o := p.cleaned(p.once(dir, k.run))
			worse := p.compare(o, plain)
			if k.terminal {
				worse = p.compareKnown(o)
			}
			if worse == "" {
				continue
			}
			bad++
			r.found[k.name] = worse
			r.untold[k.name] = r.untold[k.name] || !o.told
		}
		if bad > 0 && bad < times {
			r.found[k.name] = fmt.Sprintf("%s (%d of %d runs)", r.found[k.name], bad, times)
		}
	}
	return r
}

// broken returns the promises that were not kept.
func (r row) broken() (promises []string) {
	for _, k := range kinds {
		worse := r.found[k.name]
		switch {
		case worse == "", r.byPath && strings.Contains(worse, disorder), k.name != "sockets" && r.pipes != "", k.terminal && r.refuses != "":
		case k.guard, k.terminal, k.pipes && r.untold[k.name], !k.pipes && r.sockets == "":
			promises = append(promises, k.name+": "+worse)
		}
	}
	return promises
}

func (r row) String() string {
	if r.skipped != "" {
		return fmt.Sprintf("%-40s skipped: %s", r.name, r.skipped)
	}
	text := fmt.Sprintf("%-40s", r.name)
	if r.plain != "" {
		text += " on a plain pipe: " + r.plain
	}
	if len(r.found) == 0 {
		text += " as a plain pipe"
	}
	for _, k := range kinds {
		if worse := r.found[k.name]; worse != "" {
			told := ""
			if k.pipes && !r.untold[k.name] {
				told = " (told)"
			}
			text += fmt.Sprintf("\n    %s: %s%s", k.name, worse, told)
		}
	}
	return text
}

// prepare makes the directory that the program is to run in, if all that it needs
// is there.
func (p *program) prepare() (dir string, err error) {
	for _, name := range p.needs {
		if _, err := exec.LookPath(name); err != nil {
			return "", fmt.Errorf("no %s", name)
		}
	}
	if dir, err = os.MkdirTemp("", "iomux-program-"); err != nil {
		return "", err
	}
	for name, text := range p.files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			return dir, err
		}
	}
	if p.setUp != nil {
		err = p.setUp(dir)
	}
	return dir, err
}

// once runs the program once.
func (p *program) once(dir string, run func(*exec.Cmd) outcome) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.argv[0], p.argv[1:]...)
	cmd.Dir, cmd.Env = dir, environment(dir)
	cmd.WaitDelay = 5 * time.Second
	o := run(cmd)
	if ctx.Err() != nil {
		o.err = fmt.Errorf("not over after %v", patience)
	}
	return o
}

// environment is that of the programs: nothing of the user's own changes what
// they write.
func environment(dir string) []string {
	env := slices.DeleteFunc(os.Environ(), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return strings.HasPrefix(name, "MAKE") || strings.HasPrefix(name, "GIT_") || name == "NODE_OPTIONS" || name == "PYTHONUNBUFFERED" || name == "MFLAGS"
	})
	return append(env, "LC_ALL=C", "PWD="+dir, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"PAGER=cat", "GIT_PAGER=cat", "MANPAGER=cat", // as iomux -tty sets them where nobody can press keys
		"GOFLAGS=", "GOWORK=off", "GOPROXY=off", "GOTOOLCHAIN=local", "NO_COLOR=1", "NO_UPDATE_NOTIFIER=1", "npm_config_update_notifier=false", "DENO_NO_UPDATE_CHECK=1")
}

// cleaned removes from o what differs from run to run.
func (p *program) cleaned(o outcome) outcome {
	if p.clean != nil {
		for _, text := range []*[]byte{&o.stdout, &o.stderr, &o.both} {
			*text = []byte(p.clean(string(*text)))
		}
	}
	return o
}

// known says how o differs from what the program is known to do, "" if it does
// not.
func (p *program) known(o outcome) string {
	if o.err != nil {
		return o.err.Error()
	}
	if o.exit != p.exit {
		return fmt.Sprintf("exits with %d, not %d", o.exit, p.exit)
	}
	if p.lines == 0 {
		return ""
	}
	if n := bytes.Count(o.stdout, []byte("\n")) + bytes.Count(o.stderr, []byte("\n")); n != p.lines {
		return fmt.Sprintf("%d of %d lines", n, p.lines)
	}
	return ""
}

// compare says in what o is worse than what came on plain pipes, "" if in
// nothing.
func (p *program) compare(o, plain outcome) string {
	switch {
	case o.err != nil:
		return o.err.Error()
	case o.exit != plain.exit:
		return fmt.Sprintf("exits with %d, not %d", o.exit, plain.exit)
	case len(o.stdout) < len(plain.stdout):
		return fmt.Sprintf("%d of %d bytes of standard output", len(o.stdout), len(plain.stdout))
	case len(o.stderr) < len(plain.stderr):
		return fmt.Sprintf("%d of %d bytes of standard error", len(o.stderr), len(plain.stderr))
	case len(o.stdout) > len(plain.stdout) && bytes.HasPrefix(o.stdout, plain.stdout):
		return "" // the plain pipe has lost the rest
	case !bytes.Equal(o.stdout, plain.stdout):
		return "other standard output"
	case !bytes.Equal(o.stderr, plain.stderr):
		return "other standard error"
	case p.lines > 0:
		return misplaced(o.both, p.lines)
	case p.steady && !bytes.Equal(o.both, plain.both):
		return "another order"
	}
	return ""
}

// compareKnown says how o differs from what the program is known to do, the order
// of its lines included.
func (p *program) compareKnown(o outcome) string {
	switch wrong := p.known(o); {
	case wrong != "":
		return wrong
	case p.lines > 0:
		return misplaced(colors.ReplaceAll(o.both, nil), p.lines)
	}
	return ""
}

// colors are the control sequences of terminals.
var colors = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)

const disorder = "out of order"

// misplaced says how many of the numbered lines are not in their place.
func misplaced(text []byte, want int) string {
	n, wrong, highest := 0, 0, -1
	for line := range bytes.Lines(text) {
		n++
		i, err := strconv.Atoi(strings.TrimSpace(string(line)))
		if err != nil || i < highest {
			wrong++
		}
		highest = max(highest, i)
	}
	switch {
	case n != want:
		return fmt.Sprintf("%d of %d lines", n, want)
	case wrong > 0:
		return fmt.Sprintf("%d of %d lines %s", wrong, want, disorder)
	}
	return ""
}
