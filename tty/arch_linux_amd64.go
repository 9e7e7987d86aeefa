package tty

import (
	_ "embed"

	"golang.org/x/sys/unix"
)

const sysFstatat = unix.SYS_NEWFSTATAT

//go:embed helper/amd64.elf
var helperProgram []byte
