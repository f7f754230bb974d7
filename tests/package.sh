#!/usr/bin/env bash
# package.sh - makes the .deb and the tarball, and tries each in an empty Debian 12: the program, and the programs of README.md in C and Go
# compiled there.
# Usage, as root: tests/package.sh
#
# Not one of the tests that tests/run.sh runs: it needs root, debootstrap, the network and some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
skip() {
    echo "skipped: $1"
    exit 77
}
[ "$(id -u)" = 0 ] || skip "only root can make an empty root"
command -v debootstrap >/dev/null || skip "debootstrap is not installed (Debian package debootstrap)"
mkdir -p build
work=$(mktemp -d "$PWD/build/package.XXXXXX")
chmod 755 "$work"
finish() {
    for root in "$work"/*/proc; do umount "$root" 2>/dev/null || true; done
    rm -rf --one-file-system "$work"
}
trap finish EXIT
quietly() { # the output only when it fails
    "$@" >"$work/log" 2>&1 || {
        tail -n 30 "$work/log"
        exit 1
    }
}

echo "-- package"
cmake/setup.sh
quietly cmake --preset release -B build/package -DRTV_BUILD_TESTS=OFF -DRTV_BUILD_BENCHMARKS=OFF -DRTV_BUILD_EXAMPLES=OFF
quietly cmake --build build/package
rm -f build/package/retrieve*.deb build/package/retrieve-*.tar.gz
(cd build/package && quietly cpack)
deb=$(ls build/package/retrieve*.deb)
tarball=$(ls build/package/retrieve-*.tar.gz)
echo "$(basename "$deb"): $(dpkg-deb -f "$deb" Depends)"

echo "-- empty roots"
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ' || true)
quietly debootstrap --variant=minbase bookworm "$work/deb" $mirror
for file in /etc/hosts /etc/resolv.conf /etc/ssl/certs/ca-certificates.crt; do # what this machine's network needs
    [ ! -e $file ] || { mkdir -p "$work/deb${file%/*}" && cp $file "$work/deb$file"; }
done
mkdir -p "$work/deb/try/pictures"
cp examples/nearest.c examples/nearest.go "$work/deb/try"
cp -R examples/gallery/ant examples/gallery/key "$work/deb/try/pictures"
cp -a "$work/deb" "$work/tarball"

inside() { # root, command
    chroot "$work/$1" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive sh -euc "$2"
}
# The program on six pictures of two things, then the C program on the same index.
try() { # root, what pkg-config has to be told
    mount -t proc proc "$work/$1/proc"
    inside "$1" 'cd /try; retrieve index pictures -o try.rtvx && retrieve search try.rtvx pictures/key/noto.png -k 2' | tee "$work/found"
    grep -q 'key/noto.png' "$work/found"
    quietly inside "$1" 'apt-get install -y --no-install-recommends gcc libc6-dev pkg-config'
    inside "$1" "$2"' cc /try/nearest.c $(pkg-config --cflags --libs retrieve) -o /try/nearest'
    inside "$1" "cd /try; model=\$(find / -xdev -name '*.safetensors' | head -n 1); ./nearest \$model try.rtvx pictures/key/noto.png" | tee "$work/found"
    grep -q '1.0000 .*key/noto.png' "$work/found"
    quietly inside "$1" 'apt-get install -y --no-install-recommends golang-go'
    inside "$1" "export GOPROXY=off GOFLAGS=-mod=mod $2; "'mkdir /try/go; cd /try/go; cp /try/nearest.go .
        module=libretrieve.org/go/retrieve
        go mod init example.org/nearest && go mod edit -require=$module@v0.0.0 -replace=$module="$(find /usr -path "*$module")" && go build'
    inside "$1" "cd /try; model=\$(find / -xdev -name '*.safetensors' | head -n 1); go/nearest \$model try.rtvx pictures/key/noto.png" | tee "$work/found"
    grep -q '1.0000 .*key/noto.png' "$work/found"
}

echo "-- $(basename "$deb")"
cp "$deb" "$work/deb/try"
quietly inside deb 'apt-get update && apt-get install -y --no-install-recommends /try/*.deb'
inside deb 'ldconfig -p | grep libretrieve; ls /usr/share/doc/retrieve /usr/share/doc/retrieve/onednn'
try deb ""
quietly inside deb 'apt-get remove -y retrieve'
if inside deb 'find /usr -name "*retrieve*" | grep .'; then echo "the above stayed behind"; exit 1; fi

echo "-- $(basename "$tarball")"
tar -xf "$tarball" -C "$work/tarball/usr/local" --strip-components=1
# README.md has this line.
libraries=$(sed -n 's/^apt-get install \(libjpeg62-turbo .*\)/\1/p' README.md)
[ -n "$libraries" ] || { echo "README.md no longer says what the tarball needs"; exit 1; }
quietly inside tarball "apt-get update && apt-get install -y --no-install-recommends $libraries && ldconfig"
try tarball "PKG_CONFIG_PATH=/usr/local/lib/pkgconfig"
echo "both packages work"
