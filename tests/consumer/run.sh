# run.sh - installs the build, moves the installed tree, and builds the consumer from it in every way that a user may take.
# Usage: run.sh BUILD_FOLDER C_COMPILER LIBRARY_FOLDER (below the prefix)
set -eu
build=$1 compiler=$2 lib=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() { echo "-- $*"; }
expect_no_shared() { # program
    if readelf -d "$1" | grep -q 'NEEDED.*libretrieve'; then
        echo "$1 wants the shared library though it was linked with the archive"
        exit 1
    fi
}

step install, then move
cmake --install "$build" --prefix "$work/first" >/dev/null
prefix=$work/moved
mv "$work/first" "$prefix"
export PKG_CONFIG_PATH="$prefix/$lib/pkgconfig"

step program
if [ -e "$prefix/bin/retrieve" ]; then "$prefix/bin/retrieve" --help >/dev/null; fi

step find_package
cmake -G Ninja -S "$here" -B "$work/cmake" -DCMAKE_C_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$prefix" >"$work/log" 2>&1 &&
    cmake --build "$work/cmake" >>"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"$work/cmake/consumer_shared"
"$work/cmake/consumer_static"
expect_no_shared "$work/cmake/consumer_static"

step pkg-config
"$compiler" -std=c99 "$here/consumer.c" $(pkg-config --cflags --libs retrieve) -Wl,-rpath,"$prefix/$lib" -o "$work/by_pkg_config"
"$work/by_pkg_config"

step pkg-config and the archive
archive=$(pkg-config --static --libs retrieve | sed 's/-lretrieve/-l:libretrieve.a/')
"$compiler" -std=c99 "$here/consumer.c" $(pkg-config --cflags retrieve) $archive -o "$work/by_archive"
"$work/by_archive"
expect_no_shared "$work/by_archive"

step the compiler alone
"$compiler" -std=c99 -I"$prefix/include" "$here/consumer.c" -L"$prefix/$lib" -lretrieve -o "$work/plain"
LD_LIBRARY_PATH="$prefix/$lib" "$work/plain"
