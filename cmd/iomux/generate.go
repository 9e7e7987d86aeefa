//go:build linux || (unix && experimental_unix)

package main

//go:generate sh -c "go run . -generate=man >../../docs/iomux.1"
//go:generate sh -c "go run . -generate=bash >../../completions/iomux.bash"
//go:generate sh -c "go run . -generate=zsh >../../completions/_iomux"
//go:generate sh -c "go run . -generate=fish >../../completions/iomux.fish"

// generate is what -generate makes of the table of flags.
func generate(what string, table []flagRow) string {
	switch what {
	case "man":
		return manualPage(table)
	case "bash":
		return bashCompletion(table)
	case "zsh":
		return zshCompletion(table)
	}
	return fishCompletion(table)
}
