//go:build amd64 || arm64

package tty_test

func stormChild(args []string) int { return 0 }
func fuzzChild(args []string) int  { return 0 }
