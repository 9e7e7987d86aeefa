#!/bin/sh
# Assembles the helper, into the directory given (by default the one of this
# script). The bytes are the same with every assembler. Where one for the other
# processor is missing, its file is left alone; AS_amd64 and the like name one.
set -eu
here=$(dirname "$0")
into=${1:-$here}
made=

assemble() { # architecture, prefix of the tools
	as=$2as
	copy=$2objcopy
	if [ "$(uname -m)" = "$3" ]; then
		command -v "$as" >/dev/null || as=as
		command -v "$copy" >/dev/null || copy=objcopy
	fi
	if ! command -v "$as" >/dev/null || ! command -v "$copy" >/dev/null; then
		echo "no assembler for $1"
		return
	fi
	"$as" -o "$into/$1.o" "$here/$1.s"
	"$copy" -O binary -j .text "$into/$1.o" "$into/$1.elf"
	rm "$into/$1.o"
	made="$made $1"
}

assemble amd64 x86_64-linux-gnu- x86_64
assemble arm64 aarch64-linux-gnu- aarch64
echo "made:$made"
