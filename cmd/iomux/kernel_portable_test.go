//go:build (linux && test_portable) || (unix && !linux && experimental_unix)

package main

const kernelTells = "no"
