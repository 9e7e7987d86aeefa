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
	at, name, err := anchor(dir)
	if err != nil {
		return nil, err
	}
	if at == nil {
		return bindAtPath(fd, dir)
	}
	defer at.Close()
	return bindAnchored(fd, dir, name)
}

// bindAnchored binds by way of an anchor of dir, so that the length of dir does
// not matter, and leaves no file: senders connect by way of an anchor of the
// socket, which only this process has.
func bindAnchored(fd int, dir, anchored string) (*address, error) {
	if err := bindSocket(fd, filepath.Join(anchored, socketName)); err != nil {
		return nil, fmt.Errorf("socket in %s: %w", dir, err)
	}
	path := filepath.Join(dir, socketName)
	socket, name, err := anchor(path)
	if err != nil {
		return nil, err
	}
	if socket == nil {
		return &address{name: path, dir: dir}, nil
	}
	// Connecting requires the right to write, also after a setuid. Nobody else can
	// reach the socket: the directory is private, and is removed.
	if err := os.Chmod(path, 0o666); err != nil {
		socket.Close()
		return nil, err
	}
	if err := removeSocket(dir); err != nil {
		socket.Close()
		return nil, err
	}
	return &address{name: name, via: socket}, nil
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
