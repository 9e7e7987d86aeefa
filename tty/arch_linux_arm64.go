package tty

import (
	_ "embed"

	"golang.org/x/sys/unix"
)

const sysFstatat = unix.SYS_FSTATAT

//go:embed helper/arm64.elf
var helperProgram []byte
