//go:build linux || (unix && experimental_unix)

package iomux

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

const (
	// namePrefix begins the names that nobody can guess.
	namePrefix = "iomux-"

	// socketName is the name of the receiving socket in its private directory.
	socketName = "mux"
)

// bindInDir binds fd to a socket file in a private directory under parent, and
// removes both again where the socket can be reached without them.
func bindInDir(fd int, parent string) (_ *address, err error) {
	dir, err := os.MkdirTemp(parent, namePrefix)
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
	err = a.bindIn(fd, dir)
	if err == nil {
		err = removeSocket(dir)
	}
	if err != nil {
		a.close()
		return nil, fmt.Errorf("socket in %s: %w", dir, err)
	}
	return newAddress(a.name(), a, ""), nil
}

// bindAtPath binds to the socket's own path, which has to stay then.
func bindAtPath(fd int, dir string) (*address, error) {
	if !filepath.IsAbs(dir) { // the working directory may change before Close
		wd, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		dir = wd + "/" + dir
	}
	path := socketIn(dir)
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("socket path of %d bytes, the limit is %d (%s): %w",
			len(path), maxSocketPath, pathAdvice, errPathTooLong)
	}
	if err := bindSocket(fd, path); err != nil {
		return nil, err
	}
	return newAddress(path, nil, dir), nil
}

// socketIn returns the path of the socket in dir. It does not clean the path: that would
// change where it leads if a symbolic link comes before a "..".
func socketIn(dir string) string { return dir + "/" + socketName }

// removeSocket removes dir and the socket in it. It needs no descriptor, so it
// works when there is none left, unlike os.RemoveAll.
func removeSocket(dir string) error {
	return errors.Join(removeIfThere(socketIn(dir)), removeIfThere(dir))
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// randomName returns prefix and 26 characters from 130 random bits of the runtime, which
// os.MkdirTemp uses for names, too: crypto/rand would delay the start of every program
// that imports this package, because of its initialization.
func randomName(prefix string) string {
	const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	name := append(make([]byte, 0, 40), prefix...)
	for range 26 {
		name = append(name, characters[rand.Uint32()%uint32(len(characters))])
	}
	return string(name)
}
