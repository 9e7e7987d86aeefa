//go:build linux || (unix && experimental_unix)

package main

const shortUsage = `usage: iomux [flags] [--] command [argument ...]
`

const helpPage = shortUsage
