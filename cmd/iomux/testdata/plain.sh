# Each stream goes to its own, byte for byte.
run $iomux sh -c 'echo out; echo err >&2; printf "a\0b\377\r\n\n"; printf "no newline" >&2; printf end'
exits 0
prints 'out\na\0b\377\r\n\nend'
complains 'err\nno newline'
