//go:build linux || (unix && experimental_unix)

package main

//go:generate sh -c "go run . -generate=man >../../docs/iomux.1"
//go:generate sh -c "go run . -generate=bash >../../completions/iomux.bash"
//go:generate sh -c "go run . -generate=zsh >../../completions/_iomux"
//go:generate sh -c "go run . -generate=fish >../../completions/iomux.fish"

// generators are what -generate makes of the table of flags.
var generators = map[string]func([]flagRow) string{
	"man":  manualPage,
	"bash": bashCompletion,
	"zsh":  zshCompletion,
	"fish": fishCompletion,
}
