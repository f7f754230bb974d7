#!/usr/bin/env bash
# demo.sh - from a fresh clone to the most similar pictures: sets up, builds, indexes examples/gallery, searches it with pictures that are
# not in it (examples/queries), and writes a contact sheet; then quantizes the model and searches again, in int8.
set -euo pipefail
cd "$(dirname "$0")/.."
out=build/demo
program=$out/src/retrieve
index=$out/gallery.rtvx
sheet=$out/sheet.html
mkdir -p $out

exec 3>&1
run() { # prints the command, also when its output goes elsewhere
    printf '\n$ %s\n' "$*" >&3
    "$@"
}

cmake/setup.sh
echo "building the program (what the compiler says: $out/build.log)"
{ cmake --preset release -B $out -DRTV_BUILD_TESTS=OFF -DRTV_BUILD_BENCHMARKS=OFF &&
    cmake --build $out --target retrieve nearest; } >$out/build.log 2>&1 || {
    tail -n 40 $out/build.log
    exit 1
}

# 310 pictures of 62 things, a folder for each thing.
if [ -e $index ] && [ -z "$(find examples/gallery examples/models $program $out/lib/libretrieve.so.* -type f -newer $index)" ]; then
    printf '\n%s is up to date\n' $index
else
    run $program index examples/gallery -o $index --class-from-folder
fi

# One picture, as people will use it.
run $program search $index examples/queries/chipmunk/fluent.png -k 6 --table

# The same from C, in thirty lines.
run $out/examples/nearest examples/models/cgd-resnet50-sg.safetensors $index examples/queries/sailboat/fluent.png

# All 62 queries at once: how many find their own kind, and how long one takes.
run $program search $index examples/queries -k 5 --class-from-folder --html $sheet --table >$out/hits.txt

# Once: a model on 8-bit codes, made with pictures of the gallery.
model=examples/models/cgd-resnet50-sg.safetensors
int8=$out/int8.safetensors
if [ ! -e $int8 ] || [ $model -nt $int8 ] || [ $program -nt $int8 ]; then
    run $program quantize $model examples/gallery -o $int8
fi

# The same index, the same queries, in int8: recall and time a picture stand in the last lines of both.
run $program search $index examples/queries -k 5 --class-from-folder --table --model $int8 --allow-parent >$out/hits-int8.txt

echo
echo "Done. Look at $sheet in a browser: the query on the left, its hits on the right, green frame = the same thing, red = another."
echo "All hits as text: $out/hits.txt. The program: $program --help"
