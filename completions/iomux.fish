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
complete -c iomux -n __iomux_in_flags -o color -x -a 'always never auto' -d 'print standard error in red'
complete -c iomux -n __iomux_in_flags -o annotate -d 'print every line to standard output, as "15:04:05 O'
complete -c iomux -n __iomux_in_flags -o time -x -a 'elapsed unix rfc3339' -d 'the time in annotated lines'
complete -c iomux -n __iomux_in_flags -o pid -d 'the ID of the process that wrote, in annotated lines'
complete -c iomux -n __iomux_in_flags -o json -d 'print every line as a JSON object'
complete -c iomux -n __iomux_in_flags -o name -x -d 'print NAME before every line, as in "web | text", and in the JSON objects'
complete -c iomux -n __iomux_in_flags -o quiet -d 'print nothing if the command succeeds'
complete -c iomux -n __iomux_in_flags -o strict -d 'fail'
complete -c iomux -n __iomux_in_flags -o plain -d 'remove colours and other control sequences, and keep only the last state of a line that is overwritten'
complete -c iomux -n __iomux_in_flags -o cr -d 'end a line at a carriage return, too'
complete -c iomux -n __iomux_in_flags -o max-line -x -d 'print lines longer than SIZE in parts'
complete -c iomux -n __iomux_in_flags -o stdout-file -r -F -d 'copy standard output to FILE'
complete -c iomux -n __iomux_in_flags -o stderr-file -r -F -d 'copy standard error to FILE'
complete -c iomux -n __iomux_in_flags -o combined-file -r -F -d 'copy both to FILE, in order'
complete -c iomux -n __iomux_in_flags -o log -r -F -d 'copy both to FILE, as -annotate prints them'
complete -c iomux -n __iomux_in_flags -o log-format -x -a 'annotate json plain' -d 'the format of the logs that follow'
complete -c iomux -n __iomux_in_flags -o append -d 'append to all these files instead of emptying them first'
complete -c iomux -n __iomux_in_flags -o stdout-append -r -F -d 'append standard output to FILE'
complete -c iomux -n __iomux_in_flags -o stderr-append -r -F -d 'append standard error to FILE'
complete -c iomux -n __iomux_in_flags -o combined-append -r -F -d 'append both to FILE, in order'
complete -c iomux -n __iomux_in_flags -o reopen -d 'on SIGHUP, reopen the files by name, for logrotate'
complete -c iomux -n __iomux_in_flags -o copies-go-on -d 'when nobody reads the output any more, let the command run on, so that the files get the rest'
complete -c iomux -n __iomux_in_flags -o wait -x -d 'after the command has ended, wait at most this long'
complete -c iomux -n __iomux_in_flags -o kill-group -d 'when the command has ended, end the processes that it has started, in whatever process group'
complete -c iomux -n __iomux_in_flags -o socket -d 'use datagram sockets instead of pipes'
complete -c iomux -n __iomux_in_flags -o blocking -x -a 'auto always never' -d 'prevent the command from making its output nonblocking, which loses output'
complete -c iomux -n __iomux_in_flags -o tty -a 'on off pager' -d 'show the command a terminal'
complete -c iomux -n __iomux_in_flags -o h -d 'print this page'
complete -c iomux -n __iomux_in_flags -o version -d 'print the version'
complete -c iomux -n __iomux_in_flags -o generate -x -a 'man bash zsh fish' -d 'print the manual page'
