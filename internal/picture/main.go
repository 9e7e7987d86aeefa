// Command picture draws the pictures of the documentation. It runs the programs
// that they show, and draws what came out.
//
//	go generate ./internal/picture
//
// It needs sh, make and a C compiler, and Linux.
package main

//go:generate go run . ../../docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: picture DIRECTORY")
		os.Exit(2)
	}
	if err := drawAll(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

// A studio is what the pictures are made in.
type studio struct {
	iomux   string // the command
	project string // a directory with a Makefile
}

func drawAll(docs string) error {
	dir, err := os.MkdirTemp("", "picture-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := studio{iomux: filepath.Join(dir, "iomux"), project: filepath.Join(dir, "hello")}
	build := exec.Command("go", "build", "-o", s.iomux, "github.com/seed-5082a588/iomux/cmd/iomux")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the command: %w", err)
	}
	if err := makeProject(s.project); err != nil {
		return err
	}
	for _, p := range []struct {
		name string
		draw func(studio) ([]byte, error)
	}{
		{"two-pipes.svg", drawStreams},
		{"build.svg", drawBuild},
		{"recording.svg", drawRecording},
	} {
		picture, err := p.draw(s)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if err := os.WriteFile(filepath.Join(docs, p.name), picture, 0o666); err != nil {
			return err
		}
	}
	return nil
}
