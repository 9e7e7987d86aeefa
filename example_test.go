//go:build linux || (unix && experimental_unix)

package iomux_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/seed-5082a588/iomux"
)

// Run a command and get its lines, in order, and from where.
func Example() {
	cmd := exec.Command("sh", "-c", "echo compiling; echo careful >&2; echo done")
	for line, err := range iomux.Lines(iomux.Output(cmd)) {
		if err != nil {
			log.Fatal(err) // an *exec.ExitError if the command failed
		}
		fmt.Printf("%s: %s", line.Tag, line.Data)
	}
	// Output:
	// stdout: compiling
	// stderr: careful
	// stdout: done
}

// The pieces of a command's output as it wrote them, and its exit code.
func ExampleOutput() {
	cmd := exec.Command("sh", "-c", "printf 1; printf 2 >&2; printf 3; exit 4")
	for piece, err := range iomux.Output(cmd) {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			fmt.Println("exit code", exit.ExitCode())
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %q\n", piece.Tag, piece.Data)
	}
	// Output:
	// stdout "1"
	// stderr "2"
	// stdout "3"
	// exit code 4
}

// A Mux by hand: make senders, write, close them, read to the end.
func ExampleMux() {
	m, err := iomux.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()

	left, err := m.MakeTaggedSender("left")
	if err != nil {
		log.Fatal(err)
	}
	right, err := m.MakeTaggedSender("right")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(left, "one")
	fmt.Fprint(right, "two")
	fmt.Fprint(left, "three")
	left.Close()
	right.Close()

	for {
		d, err := m.Read()
		if err == io.EOF {
			break // every copy of every sender is closed
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", d.Tag, d.Data)
	}
	// Output:
	// left: one
	// right: two
	// left: three
}

// Two children in one Mux, each with a tag of its own.
func ExampleMux_MakeTaggedSender() {
	m, err := iomux.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()

	// The client's descriptor 3 is the server's standard input.
	question, ask, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	client := exec.Command("sh", "-c", "echo I ask; echo time >&3")
	client.ExtraFiles = []*os.File{ask}
	server := exec.Command("sh", "-c", "read word; echo I am asked: $word")
	server.Stdin = question

	start := func(tag string, cmd *exec.Cmd) {
		sender, err := m.MakeTaggedSender(tag)
		if err != nil {
			log.Fatal(err)
		}
		defer sender.Close() // the child has its own copy then
		cmd.Stdout, cmd.Stderr = sender, sender
		if err := cmd.Start(); err != nil {
			log.Fatal(err)
		}
	}
	start("client", client)
	start("server", server)
	question.Close()
	ask.Close()

	for line, err := range iomux.Lines(m.All(context.Background())) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s", line.Tag, line.Data)
	}
	if err := errors.Join(client.Wait(), server.Wait()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// client: I ask
	// server: I am asked: time
}

// A command on a Mux that has another sender, too.
func ExampleMux_Output() {
	m, err := iomux.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	note, err := m.MakeTaggedSender("note")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(note, "about to start\n")
	note.Close() // or the loop would wait for more notes

	for piece, err := range m.Output(exec.Command("echo", "hello")) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s", piece.Tag, piece.Data)
	}
	// Output:
	// note: about to start
	// stdout: hello
}

// Lines of several senders, made of pieces that end anywhere.
func ExampleLines() {
	m, err := iomux.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	for _, w := range []struct{ tag, data string }{
		{"a", "begun, "},
		{"b", "short\n"},
		{"a", "finished\nnot fin"},
		{"b", "short too\n"},
	} {
		sender, err := m.MakeTaggedSender(w.tag)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Fprint(sender, w.data)
		sender.Close()
	}
	for line, err := range iomux.Lines(m.All(context.Background())) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %q\n", line.Tag, line.Data)
	}
	// Output:
	// b: "short\n"
	// a: "begun, finished\n"
	// b: "short too\n"
	// a: "not fin"
}

// Give up waiting after some time, and lose nothing by it.
func ExampleMux_ReadContext() {
	m, err := iomux.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	sender, err := m.MakeSender()
	if err != nil {
		log.Fatal(err)
	}
	defer sender.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := m.ReadContext(ctx); errors.Is(err, context.DeadlineExceeded) {
		fmt.Println("nothing came")
	}

	fmt.Fprint(sender, "too late for that read")
	d, err := m.ReadContext(context.Background())
	fmt.Printf("%s, %v\n", d.Data, err)
	// Output:
	// nothing came
	// too late for that read, <nil>
}

// Take what is there, without waiting for more.
func ExampleMux_TryRead() {
	m, err := iomux.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	sender, err := m.MakeSender()
	if err != nil {
		log.Fatal(err)
	}
	defer sender.Close()
	fmt.Fprint(sender, "one")
	fmt.Fprint(sender, "two")

	for {
		d, ok, err := m.TryRead()
		if err != nil {
			log.Fatal(err)
		}
		if !ok {
			break
		}
		fmt.Printf("%s\n", d.Data)
	}
	// Output:
	// one
	// two
}

// cmd.Run with the order kept: nothing else changes.
func ExampleRun() {
	var all strings.Builder
	cmd := exec.Command("sh", "-c", "echo 1; echo 2 >&2; echo 3; exit 4")
	cmd.Stdout = &all
	cmd.Stderr = io.MultiWriter(&all, os.Stdout)
	err := iomux.Run(cmd)
	fmt.Printf("%q, %v\n", all.String(), err)
	// Output:
	// 2
	// "1\n2\n3\n", exit status 4
}

// Start a command on a Mux, and wait at most WaitDelay for those who still hold its
// output when it has exited, as Output does.
func ExampleMux_Start() {
	m, err := iomux.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	cmd := exec.Command("sh", "-c", "echo ready; echo careful >&2; exec sleep 0")
	cmd.WaitDelay = time.Second
	if err := m.Start(cmd, "out", "err"); err != nil {
		log.Fatal(err)
	}

	ctx, late := context.WithCancel(context.Background())
	defer late()
	exited := make(chan error, 1)
	go func() {
		exited <- cmd.Wait()
		time.AfterFunc(cmd.WaitDelay, late)
	}()
	for d, err := range m.All(ctx) {
		if errors.Is(err, context.Canceled) {
			err = exec.ErrWaitDelay // somebody still holds the output
		}
		if err != nil {
			log.Print(err)
			break
		}
		fmt.Printf("%s: %s", d.Tag, d.Data)
	}
	fmt.Println(<-exited)
	// Output:
	// out: ready
	// err: careful
	// <nil>
}

// Start a command otherwise than by cmd.Start.
func ExampleOutputWith() {
	start := func(cmd *exec.Cmd) error {
		fmt.Println("starting", cmd.Args[0])
		return cmd.Start()
	}
	for piece, err := range iomux.OutputWith(exec.Command("echo", "hi"), start) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s", piece.Tag, piece.Data)
	}
	// Output:
	// starting echo
	// stdout: hi
}

// Lines of any length in bounded memory.
func ExampleLimitLines() {
	cmd := exec.Command("sh", "-c", "echo short; echo a line that is too long")
	for line, err := range iomux.LimitLines(iomux.Output(cmd), 10) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%q\n", line.Data)
	}
	// Output:
	// "short\n"
	// "a line tha"
	// "t is too l"
	// "ong\n"
}
