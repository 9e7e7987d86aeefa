//go:build linux || (unix && experimental_unix)

package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// versionLine is what -version prints: the version of the module, which Go takes
// from the module proxy or from the tags of the repository.
func versionLine() string {
	version := "(unknown)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	return fmt.Sprintf("iomux %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
