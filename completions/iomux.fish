# Completion of iomux for fish, made from its table of flags.

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
            case -color -time -name -max-line -stdout-file -stderr-file -combined-file -log -log-format -stdout-append -stderr-append -combined-append -wait -blocking -generate
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
complete -c iomux -n __iomux_in_flags -o color -x -a 'always never auto' -d 'standard error in red'
complete -c iomux -n __iomux_in_flags -o annotate -d 'every line to standard output, as "15:04:05 O'
complete -c iomux -n __iomux_in_flags -o time -x -a 'elapsed unix rfc3339' -d 'annotate with another time'
complete -c iomux -n __iomux_in_flags -o pid -d 'annotate with the process that wrote'
complete -c iomux -n __iomux_in_flags -o json -d 'every line as a JSON object'
complete -c iomux -n __iomux_in_flags -o name -x -d 'before every line, as "web | text"'
complete -c iomux -n __iomux_in_flags -o quiet -d 'nothing if the command succeeds, else all, at its end, and how it ended'
complete -c iomux -n __iomux_in_flags -o strict -d 'a command that writes to standard error has failed'
complete -c iomux -n __iomux_in_flags -o plain -d 'without colours and other control sequences, and of a line that was written over'
complete -c iomux -n __iomux_in_flags -o cr -d 'a carriage return ends a line, too'
complete -c iomux -n __iomux_in_flags -o max-line -x -d 'longer lines come in parts'
complete -c iomux -n __iomux_in_flags -o stdout-file -r -F -d 'of the standard output'
complete -c iomux -n __iomux_in_flags -o stderr-file -r -F -d 'of the standard error'
complete -c iomux -n __iomux_in_flags -o combined-file -r -F -d 'of both, in order'
complete -c iomux -n __iomux_in_flags -o log -r -F -d 'of both, as -annotate prints it'
complete -c iomux -n __iomux_in_flags -o log-format -x -a 'annotate json plain' -d 'of the logs that follow'
complete -c iomux -n __iomux_in_flags -o append -d 'add to all these files instead of emptying them first'
complete -c iomux -n __iomux_in_flags -o stdout-append -r -F -d 'as -stdout-file, but add to this file'
complete -c iomux -n __iomux_in_flags -o stderr-append -r -F -d 'of the standard error'
complete -c iomux -n __iomux_in_flags -o combined-append -r -F -d 'of both, in order'
complete -c iomux -n __iomux_in_flags -o reopen -d 'SIGHUP opens the files by their names again, as logrotate wants it, and is not passed on'
complete -c iomux -n __iomux_in_flags -o copies-go-on -d 'when nobody reads the output any more, the command goes on, for the files'
complete -c iomux -n __iomux_in_flags -o wait -x -d 'after the command\'s end, wait no longer than that'
complete -c iomux -n __iomux_in_flags -o kill-group -d 'what the command has started ends with it, in whatever process group'
complete -c iomux -n __iomux_in_flags -o socket -d 'use datagram sockets instead of pipes'
complete -c iomux -n __iomux_in_flags -o blocking -x -a 'auto always never' -d 'keep the command from making its output nonblocking, which loses output'
complete -c iomux -n __iomux_in_flags -o tty -a 'on off pager' -d 'the command behaves as on a terminal'
complete -c iomux -n __iomux_in_flags -o h -d 'this page'
complete -c iomux -n __iomux_in_flags -o version -d 'the version'
complete -c iomux -n __iomux_in_flags -o generate -x -a 'man bash zsh fish' -d 'print the manual page'
