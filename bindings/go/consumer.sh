# consumer.sh - installs the build, and builds the program of README.md with the module that was installed, shared and static.
# Usage: consumer.sh BUILD_FOLDER LIBRARY_FOLDER DATA_FOLDER (below the prefix)
set -eu
build=$1 lib=$2 data=$3
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" >/dev/null
prefix=$work/moved
mv "$work/prefix" "$prefix"
export PKG_CONFIG_PATH="$prefix/$lib/pkgconfig" CGO_LDFLAGS="-Wl,-rpath,$prefix/$lib"

mkdir "$work/nearest"
cp "$top/examples/nearest.go" "$work/nearest"
cd "$work/nearest"
go mod init example.org/nearest 2>/dev/null
go mod edit -require=libretrieve.org/go/retrieve@v0.0.0 \
    -replace=libretrieve.org/go/retrieve="$prefix/$data/gocode/src/libretrieve.org/go/retrieve"
go build -o shared .
go build -tags retrieve_static -o static .
readelf -d static | grep 'NEEDED.*libretrieve' && { echo "static wants the shared library"; exit 1; }

if ./shared no/such no/such no/such 2>"$work/error"; then exit 1; fi
grep 'no/such.*No such file' "$work/error"
[ -e "$prefix/bin/retrieve" ] || { echo "no program retrieve was built to make an index with"; exit 0; }
"$prefix/bin/retrieve" model convert "$top/tests/golden/models/cgd_sg.pth" -o model.safetensors >/dev/null
"$prefix/bin/retrieve" index "$top/examples/gallery/key" --model model.safetensors -o key.rtvx >/dev/null
for program in ./shared ./static; do
    $program model.safetensors key.rtvx "$top/examples/gallery/key/noto.png" | tee "$work/found"
    grep -q '1.0000 .*noto.png' "$work/found"
done
