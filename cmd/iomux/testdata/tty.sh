# The command believes that it is on a terminal, and its streams stay apart.
run setsid -w $iomux -tty true
[ $code = 0 ] || skip no such terminal here
run setsid -w $iomux -tty sh -c 'test -t 1 && test -t 2 && stty size <&2; echo err >&2; exit 3'
exits 3
prints '24 80\n'
complains 'err\n'
# Line by line, not in a block at the end.
run $iomux -tty -json awk 'BEGIN { print "a"; print "b" >"/dev/stderr"; print "c" }'
grep -o '"text":.*}' out >text
printf '"text":"a"}\n"text":"b"}\n"text":"c"}\n' >want
cmp text want || fail order
# No pager waits for keys that nobody can press.
show='echo $PAGER $GIT_PAGER $MANPAGER'
run env PAGER=a GIT_PAGER=b MANPAGER=c setsid -w $iomux -tty sh -c "$show"
prints 'cat cat cat\n'
run env PAGER=a GIT_PAGER=b MANPAGER=c setsid -w $iomux -tty=pager sh -c "$show; test -t 1"
exits 0
prints 'a b c\n'
run env PAGER=a setsid -w $iomux -tty=off sh -c "$show; test -t 1"
exits 1
prints 'a\n'
# Standard input stays what it is.
run sh -c "echo in | $iomux -tty sh -c 'test -t 0 || cat'"
prints 'in\n'
# It is said what is wrong: with the command, and with the terminal.
run $iomux -tty ./does-not-exist
exits 127
complains 'iomux: ./does-not-exist: no such file or directory\n'
run $iomux -tty $iomux -tty true
exits 125
has err '^iomux: -tty: command not started: this process is itself on such a terminal'
[ $(wc -l <err) = 1 ] || fail lines
run $iomux -tty=maybe true
exits 125
has err maybe
