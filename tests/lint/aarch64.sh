# aarch64.sh - the library's sources (without oneDNN's) pass a compiler for 64-bit ARM: what is for x86 only is guarded.
set -eu
compiler=aarch64-linux-gnu-gcc
if ! command -v $compiler >/dev/null; then
    echo "skipped: $compiler is not installed (Debian package gcc-aarch64-linux-gnu)"
    exit 77
fi
status=0
folders=$(pkg-config --cflags-only-I libcjson minizip)
for file in lib/*/*.c; do
    case $file in *_onednn*.c) continue ;; esac
    # The foreign headers are the host's: those of libjpeg, libpng and the like say the same on both.
    $compiler -std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -Wconversion -Wno-unused-function -Werror -S -o /dev/null \
        -DRTV_JPEG_VERSION='""' -DRTV_PNG_VERSION='""' -Ilib -Iinclude \
        $folders -idirafter /usr/include -idirafter "/usr/include/$(uname -m)-linux-gnu" "$file" || status=1
done
exit $status
