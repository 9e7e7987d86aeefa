//go:build unix

package main

import (
	"io/fs"
	"os"
	"path/filepath"
)

// largestSource is more than any file that a test reads.
const largestSource = 1 << 20

// copySources copies a module, without what git keeps and without large files,
// which somebody has left there.
func copySources(to, module string) error {
	return filepath.WalkDir(module, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(module, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case e.Name() == ".git":
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case e.IsDir():
			return os.MkdirAll(target, 0o755)
		case !e.Type().IsRegular():
			return nil
		}
		info, err := e.Info()
		if err != nil || info.Size() > largestSource {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, info.Mode().Perm())
	})
}
