//go:build linux || (unix && experimental_unix)

package iomux

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// socketName is the name of the receiving socket in its private directory.
const socketName = "mux"

// bindInDir binds fd to a socket file in a private directory under parent, and
// removes both again where the socket can be reached without them.
func bindInDir(fd int, parent string) (_ *address, err error) {
	dir, err := os.MkdirTemp(parent, "iomux-")
	if err != nil {
		return nil, fmt.Errorf("private directory: %w", err)
	}
	defer func() {
		if err != nil {
			removeSocket(dir)
		}
	}()
	a, err := newAnchor()
	if err != nil {
		return nil, err
	}
	if a == nil {
		return bindAtPath(fd, dir)
	}
	if err := bindAnchored(fd, dir, a); err != nil {
		a.close()
		return nil, err
	}
	return &address{name: a.name(), anchor: a}, nil
}

// bindAnchored binds in dir, whose length does not matter, and leaves no file:
// senders connect by way of the anchor, which only this process has.
func bindAnchored(fd int, dir string, a *anchor) error {
	path := filepath.Join(dir, socketName)
	if err := a.bind(fd, path); err != nil {
		return fmt.Errorf("socket in %s: %w", dir, err)
	}
	if err := a.hold(path); err != nil {
		return err
	}
	// Connecting requires the right to write, also after a setuid. Nobody else can
	// reach the socket: the directory is private, and is removed.
	if err := os.Chmod(path, 0o666); err != nil {
		return err
	}
	return removeSocket(dir)
}

// bindAtPath binds to the socket's own path, which has to stay then.
func bindAtPath(fd int, dir string) (*address, error) {
	dir, err := filepath.Abs(dir) // the working directory may change before Close
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, socketName)
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("socket path of %d bytes, the limit is %d (%s): %w",
			len(path), maxSocketPath, pathAdvice, errPathTooLong)
	}
	if err := bindSocket(fd, path); err != nil {
		return nil, err
	}
	return &address{name: path, dir: dir}, nil
}

// removeSocket removes dir and the socket in it. It needs no descriptor, so it
// works when there is none left, unlike os.RemoveAll.
func removeSocket(dir string) error {
	return errors.Join(removeIfThere(filepath.Join(dir, socketName)), removeIfThere(dir))
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// randomText returns 26 characters from 130 random bits of the runtime, which
// os.MkdirTemp uses for names, too: crypto/rand would delay the start of every program
// that imports this package, because of its initialization.
func randomText() string {
	const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	var text [26]byte
	for i := range text {
		text[i] = characters[rand.Uint32()%uint32(len(characters))]
	}
	return string(text[:])
}
