# support.sh - what these tests share; each is `. support.sh` and works in a new folder that goes away at the end.
# RETRIEVE, JSON_CHECK: programs; SOURCE, BUILD: folders; set by CMake.
set -u
LC_ALL=C.UTF-8
export LC_ALL
folder=$(mktemp -d "$PWD/program.XXXXXX")
trap 'chmod -R u+rwx "$folder"; rm -rf "$folder"' EXIT
cd "$folder" || exit 1
retrieve=$RETRIEVE
toys=$SOURCE/tests/golden/models
ran=

die() {
    echo "FAILED: $1"
    echo "--- command: $ran"
    echo "--- standard output:"; head -c 2000 out
    echo "--- standard error:"; head -c 2000 err
    exit 1
}
# wants STATUS COMMAND...: the command ends with this status; what it printed is in ./out and ./err.
wants() {
    wanted=$1
    shift
    ran="$*"
    "$@" >out 2>err </dev/null
    status=$?
    [ $status = "$wanted" ] || die "exit status $status, expected $wanted"
}
# says out|err TEXT: the text stands there.
says() { grep -qF -e "$2" "$1" || die "standard $1 lacks: $2"; }
lacks() { ! grep -qF -e "$2" "$1" || die "standard $1 has: $2"; }
silent() { [ ! -s "$1" ] || die "standard $1 is not empty"; }
lines() { [ "$(wc -l <"$1")" = "$2" ] || die "standard $1 has $(wc -l <"$1") lines, expected $2"; }
is() { [ "$1" = "$2" ] || die "got \"$1\", expected \"$2\""; }
# json FORM MEMBER...: ./out is JSON with these members; prints them.
json() { "$JSON_CHECK" "$@" <out || die "bad JSON"; }
# No temporary file was left behind.
tidy() { [ -z "$(find . -name '*.tmp.*')" ] || die "left behind: $(find . -name '*.tmp.*')"; }

# A toy model in toy.rtv and six pictures of two classes in pictures/.
make_toy() {
    wants 0 "$retrieve" model convert "$toys/cgd_sg.pth" -o toy.rtv --input 32
}
make_pictures() {
    mkdir -p pictures
    for class in ant key; do
        mkdir -p pictures/$class
        for set in noto twemoji emojione; do cp "$SOURCE/examples/gallery/$class/$set.png" pictures/$class/; done
    done
}
# slow.rtv and 1536 pictures in many/: on one thread far more work than a test waits for, though no picture takes long.
make_long_work() {
    wants 0 "$retrieve" model convert "$toys/cgd_sg.pth" -o slow.rtv --input 512
    cp -r pictures many
    for i in 1 2 3 4 5 6 7 8; do
        cp -r many copy
        mv copy many/$i
    done
}
