#!/usr/bin/env bash
# setup.sh - finds what the build needs and installs what is missing. examples/demo.sh and tests/run.sh begin with it.
# Usage: cmake/setup.sh [--tests]      (with what the tests need besides)
#
# Debian packages come from apt-get when this runs as root; otherwise it says what to install and stops. oneDNN comes from pip, pinned by
# hash, into build/deps/onednn. An own oneDNN 3.x is taken instead when the environment says where: dnnl_DIR=.../lib/cmake/dnnl
set -euo pipefail
cd "$(dirname "$0")/.."

want_tests=no
[ "${1:-}" != --tests ] || want_tests=yes

packages=""
need() { # Debian package, then a command that succeeds when it is there
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || packages="$packages $package"
}

need_all() {
    packages=""
    need gcc sh -c 'command -v "${CC:-cc}"'
    need libc6-dev test -e /usr/include/stdlib.h
    need cmake command -v cmake
    need ninja-build command -v ninja
    need pkg-config command -v pkg-config
    need libjpeg62-turbo-dev pkg-config --exists libjpeg
    need libpng-dev pkg-config --exists libpng
    need zlib1g-dev pkg-config --exists zlib
    need libcjson-dev pkg-config --exists libcjson
    need libminizip-dev pkg-config --exists minizip
    need libsodium-dev pkg-config --exists libsodium
    need libxxhash-dev pkg-config --exists libxxhash
    if [ $want_tests = yes ]; then
        need libcmocka-dev pkg-config --exists cmocka
        need abigail-tools command -v abidiff
        need golang-go sh -c 'command -v go'
        need g++ sh -c 'command -v "${CXX:-c++}"'
        need python3-numpy sh -c 'python3 -c "import numpy" || /usr/bin/python3 -c "import numpy"'
    fi
    if needs_onednn; then need python3-pip python3 -m pip --version; fi
}

onednn=build/deps/onednn
stamp=$onednn/.unpacked
wheels_hash() { cksum <cmake/onednn-wheels.txt; }
needs_onednn() {
    [ -z "${dnnl_DIR:-}" ] && [ "$(uname -m)" = x86_64 ] && [ "$(cat $stamp 2>/dev/null)" != "$(wheels_hash)" ]
}

install_packages() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "setup: installing$packages"
        export DEBIAN_FRONTEND=noninteractive
        { apt-get update -q && apt-get install -y -q --no-install-recommends $packages; } >build/setup.log 2>&1 || {
            tail -n 20 build/setup.log
            echo "setup: apt-get could not install the packages; its whole output is in build/setup.log" >&2
            exit 1
        }
        need_all
        [ -z "$packages" ] || { echo "setup: still missing after the installation:$packages" >&2; exit 1; }
    else
        echo "setup: some Debian packages are missing. Please install them and start again:" >&2
        echo "    sudo apt-get install --no-install-recommends$packages" >&2
        exit 1
    fi
}

# A wheel's files lie in <name>.data/data/{include,lib,share}; the library is in it three times, for wheels have no links.
unpack_onednn() {
    echo "setup: fetching oneDNN into $onednn"
    rm -rf "$onednn" build/deps/wheels build/deps/unpacked
    python3 -m pip download -q --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
        -d build/deps/wheels -r cmake/onednn-wheels.txt || {
        echo "setup: pip could not fetch oneDNN. Without it: cmake -DRTV_WITH_ONEDNN=OFF, or name your own with dnnl_DIR" >&2
        exit 1
    }
    mkdir -p "$onednn"
    local wheel
    for wheel in build/deps/wheels/*.whl; do python3 -m zipfile -e "$wheel" build/deps/unpacked; done
    cp -R build/deps/unpacked/*.data/data/* "$onednn/"
    local real
    real=$(cd "$onednn/lib" && ls libdnnl.so.*.* | tail -n 1)
    ln -sf "$real" "$onednn/lib/libdnnl.so.3"
    ln -sf libdnnl.so.3 "$onednn/lib/libdnnl.so"
    rm -rf build/deps/wheels build/deps/unpacked
    wheels_hash >"$stamp"
}

mkdir -p build/deps
need_all
[ -z "$packages" ] || install_packages
if needs_onednn; then unpack_onednn; fi
if [ -z "${dnnl_DIR:-}" ] && [ "$(uname -m)" != x86_64 ]; then
    echo "setup: no oneDNN for $(uname -m) here: the build takes the plain-C reference (name your own with dnnl_DIR)"
fi
