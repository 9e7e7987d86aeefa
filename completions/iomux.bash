# Completion of iomux for bash, made from its table of flags.

# _iomux_value completes the beginning $2 of a value of the flag $1.
_iomux_value() {
	case $1 in
	-color) mapfile -t COMPREPLY < <(compgen -W 'always never auto' -- "$2") ;;
	-time) mapfile -t COMPREPLY < <(compgen -W 'elapsed unix rfc3339' -- "$2") ;;
	-stdout-file) mapfile -t COMPREPLY < <(compgen -f -- "$2"); compopt -o filenames 2>/dev/null ;;
	-stderr-file) mapfile -t COMPREPLY < <(compgen -f -- "$2"); compopt -o filenames 2>/dev/null ;;
	-combined-file) mapfile -t COMPREPLY < <(compgen -f -- "$2"); compopt -o filenames 2>/dev/null ;;
	-log) mapfile -t COMPREPLY < <(compgen -f -- "$2"); compopt -o filenames 2>/dev/null ;;
	-log-format) mapfile -t COMPREPLY < <(compgen -W 'annotate json plain' -- "$2") ;;
	-stdout-append) mapfile -t COMPREPLY < <(compgen -f -- "$2"); compopt -o filenames 2>/dev/null ;;
	-stderr-append) mapfile -t COMPREPLY < <(compgen -f -- "$2"); compopt -o filenames 2>/dev/null ;;
	-combined-append) mapfile -t COMPREPLY < <(compgen -f -- "$2"); compopt -o filenames 2>/dev/null ;;
	-blocking) mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$2") ;;
	-tty) mapfile -t COMPREPLY < <(compgen -W 'on off pager' -- "$2") ;;
	-generate) mapfile -t COMPREPLY < <(compgen -W 'man bash zsh fish' -- "$2") ;;
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
		-color|-time|-name|-max-line|-stdout-file|-stderr-file|-combined-file|-log|-log-format|-stdout-append|-stderr-append|-combined-append|-wait|-blocking|-generate)
			if [ "$i" -ge "$COMP_CWORD" ]; then
				_iomux_value "$flag" "$current"
				return
			fi
			i=$((i + 1))
			;;
		esac
	done
	case $i:$current in
	"$COMP_CWORD:"-*) mapfile -t COMPREPLY < <(compgen -W '-color -annotate -time -pid -json -name -quiet -strict -plain -cr -max-line -stdout-file -stderr-file -combined-file -log -log-format -append -stdout-append -stderr-append -combined-append -reopen -copies-go-on -wait -kill-group -socket -blocking -tty -h -version -generate' -- "${current/#--/-}") ;;
	*) _iomux_command "$i" ;;
	esac
}

complete -F _iomux iomux
