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

# Every library that the archive wants, each by its name; README.md shows this line.
static_libraries="-ljpeg -lpng -lz -lcjson -lminizip -lsodium -lxxhash -fopenmp -pthread -lm"
onednn=$(ldd "$build"/lib/libretrieve.so | awk '$1 ~ /^libdnnl/ {print $3}')

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

step the archive, with everything named on one line
"$compiler" -std=c99 -I"$prefix/include" "$here/consumer.c" "$prefix/$lib/libretrieve.a" $onednn $static_libraries \
    ${onednn:+-Wl,-rpath,${onednn%/*}} -o "$work/one_line"
"$work/one_line"
expect_no_shared "$work/one_line"

step DESTDIR
DESTDIR="$work/stage" cmake --install "$build" --prefix /usr >/dev/null
[ "$(ls -A "$work/stage")" = usr ] || { echo "DESTDIR: files outside $work/stage/usr"; ls -A "$work/stage"; exit 1; }
grep -rlF "$work" "$work/stage/usr/$lib/pkgconfig" "$work/stage/usr/$lib/cmake" && { echo "DESTDIR: the above name the stage"; exit 1; }
PKG_CONFIG_PATH="$work/stage/usr/$lib/pkgconfig"
"$compiler" -std=c99 "$here/consumer.c" $(pkg-config --cflags --libs retrieve) -Wl,-rpath,"$work/stage/usr/$lib" -o "$work/staged"
"$work/staged"

step dlopen and dlclose
"$compiler" -std=gnu99 -I"$prefix/include" "$here/dlopen.c" -ldl -o "$work/dlopen"
"$work/dlopen" "$prefix/$lib/libretrieve.so" "$here/../golden/models/cgd_sg.pth"

# The same code as another ABI would be: another SONAME, other symbol versions.
step two versions side by side
sed 's/RETRIEVE_ABI[0-9]*_/RETRIEVE_ABI99_/' "$build/lib/exports.map" >"$work/exports.map"
"$compiler" -shared -Wl,-soname,libretrieve.so.99 -Wl,--version-script="$work/exports.map" \
    $(find "$build/lib/CMakeFiles/retrieve_shared.dir" -name '*.o') $onednn $static_libraries ${onednn:+-Wl,-rpath,${onednn%/*}} \
    -o "$prefix/$lib/libretrieve.so.99"
mkdir "$work/99"
ln -s "$prefix/$lib/libretrieve.so.99" "$work/99/libretrieve.so"
"$compiler" -std=c99 -shared -fPIC -I"$prefix/include" "$here/plugin.c" -L"$work/99" -lretrieve -Wl,-rpath,"$prefix/$lib" -o "$work/plugin.so"
"$compiler" -std=gnu99 -I"$prefix/include" "$here/host.c" -L"$prefix/$lib" -lretrieve -ldl -Wl,-rpath,"$prefix/$lib" -o "$work/host"
"$work/host" "$work/plugin.so"
