//go:build linux || (unix && experimental_unix)

package main

import (
	"fmt"
	"strings"
)

// bashCompletion is a function for bash. Bash takes "=" for a word of its own.
// The command is completed as if it stood alone, where the package
// bash-completion is there for that.
func bashCompletion(table []flagRow) string {
	var flags, withValue []string
	var cases strings.Builder
	for _, r := range table {
		flags = append(flags, "-"+r.name)
		if r.argument() == required {
			withValue = append(withValue, "-"+r.name)
		}
		switch {
		case r.files:
			fmt.Fprintf(&cases, "\t-%s) mapfile -t COMPREPLY < <(compgen -f -- \"$2\"); compopt -o filenames 2>/dev/null ;;\n", r.name)
		case len(r.words) > 0:
			fmt.Fprintf(&cases, "\t-%s) mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$2\") ;;\n", r.name, strings.Join(r.words, " "))
		}
	}
	return strings.NewReplacer("FLAGS", strings.Join(flags, " "), "WITH_VALUE", strings.Join(withValue, "|"), "CASES\n", cases.String()).Replace(bashTemplate)
}

const bashTemplate = `# Completion of iomux for bash, made from its table of flags.

# _iomux_value completes the beginning $2 of a value of the flag $1.
_iomux_value() {
	case $1 in
CASES
	esac
}

# _iomux_command completes the word of the command that begins at word $1.
_iomux_command() {
	if declare -F _comp_command_offset >/dev/null; then
		_comp_command_offset "$1"
	elif declare -F _command_offset >/dev/null; then
		_command_offset "$1"
	elif [ "$1" = "$COMP_CWORD" ]; then
		mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
		compopt -o filenames 2>/dev/null
	fi
}

_iomux() {
	COMPREPLY=()
	local i=1 flag current=${COMP_WORDS[COMP_CWORD]}
	while [ "$i" -lt "$COMP_CWORD" ]; do
		flag=${COMP_WORDS[i]/#--/-}
		case $flag in
		-)
			_iomux_command $((i + 1))
			return
			;;
		-*) ;;
		*) break ;;
		esac
		if [ "${COMP_WORDS[i + 1]}" = = ]; then
			if [ $((i + 2)) -ge "$COMP_CWORD" ]; then
				_iomux_value "$flag" "${current#=}"
				return
			fi
			i=$((i + 3))
			continue
		fi
		i=$((i + 1))
		case $flag in
		WITH_VALUE)
			if [ "$i" -ge "$COMP_CWORD" ]; then
				_iomux_value "$flag" "$current"
				return
			fi
			i=$((i + 1))
			;;
		esac
	done
	case $i:$current in
	"$COMP_CWORD:"-*) mapfile -t COMPREPLY < <(compgen -W 'FLAGS' -- "${current/#--/-}") ;;
	*) _iomux_command "$i" ;;
	esac
}

complete -F _iomux iomux
`

// zshCompletion is a function for zsh, to be found in $fpath as _iomux.
func zshCompletion(table []flagRow) string {
	var b strings.Builder
	b.WriteString("#compdef iomux\n# Completion of iomux for zsh, made from its table of flags.\n\n_arguments -S \\\n")
	for _, r := range table {
		spec := "-" + r.name
		switch r.argument() {
		case required:
			spec += "="
		case optional:
			spec += "=-"
		}
		if r.repeats() {
			spec = "*" + spec
		}
		spec += "[" + zshEscape(r.summary()) + "]"
		if r.value != "" {
			if r.argument() == optional {
				spec += ":"
			}
			spec += ":" + r.value + ":" + r.zshAction()
		}
		fmt.Fprintf(&b, "\t%s \\\n", quote(spec))
	}
	b.WriteString("\t'(-):command:_command_names -e' \\\n\t'*::arguments:_normal'\n")
	return b.String()
}

func (r flagRow) zshAction() string {
	switch {
	case r.files:
		return "_files"
	case len(r.words) > 0:
		return "(" + strings.Join(r.words, " ") + ")"
	}
	return " "
}

// repeats reports whether the flag may be given more than once. Only of flags with
// files can that make sense.
func (r flagRow) repeats() bool { return r.files }

func zshEscape(text string) string {
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`).Replace(text)
}

// fishCompletion is for fish.
func fishCompletion(table []flagRow) string {
	var withValue []string
	var b strings.Builder
	for _, r := range table {
		line := "complete -c iomux -n __iomux_in_flags -o " + r.name
		switch {
		case r.argument() != none && r.files:
			line += " -r -F"
		case r.argument() == required:
			line += " -x"
		}
		if len(r.words) > 0 {
			line += " -a " + quote(strings.Join(r.words, " "))
		}
		fmt.Fprintf(&b, "%s -d %s\n", line, fishQuote(r.summary()))
		if r.argument() == required {
			withValue = append(withValue, "-"+r.name)
		}
	}
	return strings.NewReplacer("WITH_VALUE", strings.Join(withValue, " "), "FLAGS\n", b.String()).Replace(fishTemplate)
}

const fishTemplate = `# Completion of iomux for fish, made from its table of flags.

# __iomux_command prints the words of the command so far, one a line. It fails
# while the flags of iomux are being typed.
function __iomux_command
    set -l words (commandline -opc) (commandline -ct)
    set -e words[1]
    while set -q words[1]
        set -l flag (string replace -r -- '^--?' '-' $words[1])
        switch $flag
            case '-'
                set -e words[1]
                break
            case WITH_VALUE
                set -e words[1]
                set -q words[1]; or return 1
            case '-*'
            case '*'
                break
        end
        set -e words[1]
    end
    set -q words[1]; or return 1
    printf '%s\n' $words
end

function __iomux_in_flags
    not __iomux_command >/dev/null
end

# __iomux_rest completes the command as if it stood alone.
function __iomux_rest
    set -l words (__iomux_command)
    complete -C (string join ' ' -- (string escape -- $words[1..-2]) $words[-1] | string collect)
end

complete -c iomux -f
complete -c iomux -n '__iomux_command >/dev/null' -a '(__iomux_rest)'
FLAGS
`

// summary is the help text up to where it goes into details.
func (r flagRow) summary() string {
	text := r.help
	for _, end := range []string{"; ", ": ", " ("} {
		text, _, _ = strings.Cut(text, end)
	}
	return text
}

// quote makes one word of the text for a POSIX shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// fishQuote does so for fish, which has escapes in single quotes.
func fishQuote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
