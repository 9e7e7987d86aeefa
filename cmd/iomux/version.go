//go:build linux || (unix && experimental_unix)

package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is the version of a release, which packaging/build gives to the linker: a
// source archive has no tags, and Go may be told not to look for them.
var release string

// versionLine is what -version prints: the version of the release or else of the
// module, which Go takes from the module proxy or from the tags of the repository.
func versionLine() string {
	version := release
	if version == "" {
		version = "(unknown)"
		if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
			version = info.Main.Version
		}
	}
	return fmt.Sprintf("iomux %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
