# terminal.sh - what a terminal sees: the table, colours, the progress line.
. "$(dirname "$0")/support.sh"
command -v script >/dev/null || { echo "skipped: no program script (Debian package bsdutils)"; exit 77; }
script -qec true /dev/null </dev/null >/dev/null 2>&1 || { echo "skipped: no pseudo-terminals here (is /dev/pts mounted?)"; exit 77; }
make_toy
make_pictures
wants 0 "$retrieve" index pictures -o classes.idx --model toy.rtv --class-from-folder
escape=$(printf '\033')
TERM=xterm
export TERM
unset NO_COLOR
# on_terminal STATUS COMMAND: in a pseudo-terminal; what it shows is in ./out.
on_terminal() {
    ran="$2"
    script -qec "$2" /dev/null >out 2>err </dev/null
    status=$?
    [ $status = "$1" ] || die "exit status $status, expected $1"
}
search="$retrieve search classes.idx pictures/ant/noto.png --model toy.rtv -k 6 --class-from-folder"

on_terminal 0 "$search"
says out "1.0000"
lacks out '"query"'
says out "${escape}[32mant"
says out "${escape}[31mkey"
on_terminal 0 "NO_COLOR=1 $search"
lacks out "$escape"
on_terminal 0 "TERM=dumb $search"
lacks out "$escape["
on_terminal 0 "$search --json"
says out '"query":"pictures/ant/noto.png"'
on_terminal 0 "$search >lines"
"$JSON_CHECK" lines <lines || die "redirected, it is not JSON"

# The line shows how far it is, and is taken off before the last word.
make_long_work
slow="timeout --foreground --preserve-status -s INT 3 $retrieve index many -o slow.idx --model slow.rtv --threads 1"
on_terminal 130 "$slow"
says out "indexing "
says out " of 1,536"
says out "/s"
says out "left"
tail -n 1 out | grep -q "${escape}\[Kretrieve: interrupted" || die "the progress line is not taken off"
on_terminal 130 "stty cols 20; $slow"
! tr '\r' '\n' <out | sed "s/${escape}\[K//g" | grep '^indexing' | grep -q '.\{20\}' || die "the progress line is wider than the terminal"
on_terminal 130 "LC_ALL=C $slow"
says out "indexing ["
