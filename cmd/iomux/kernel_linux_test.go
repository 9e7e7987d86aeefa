//go:build !test_portable

package main

// kernelTells is whether sockets tell the process that wrote.
const kernelTells = "yes"
