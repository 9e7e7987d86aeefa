//go:build !linux && !(unix && experimental_unix)

package main

// The library says why it does not compile here.
import _ "github.com/seed-5082a588/iomux"

func main() {}
