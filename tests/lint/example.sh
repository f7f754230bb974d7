# example.sh - the program atop retrieve.h and the one in README.md are examples/nearest.c, which is built; only the white space may differ.
set -eu
status=0
wanted=$(sed 1d examples/nearest.c | tr -d ' \n')
compare() { # where, its text
    [ "$(printf '%s' "$2" | tr -d ' \n')" = "$wanted" ] && return
    echo "$1: the program there is not examples/nearest.c"
    status=1
}
compare include/retrieve/retrieve.h "$(sed -n '/^ \*     #include/,/^ \*     }$/s/^ \* *//p' include/retrieve/retrieve.h)"
compare README.md "$(sed -n '/^```c$/,/^```$/p' README.md | sed '/^```/d')"
exit $status
