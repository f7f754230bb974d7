# dump.sh - the binary interface as libabigail sees it, without anything that hangs on the compiler or the machine.
# Usage, from the root of the tree: dump.sh C_COMPILER EXPORTS_MAP OUTPUT
#
# Every exported function is defined in lib/api, so these files alone, compiled with debug information, have the whole interface.
set -eu
compiler=$1 map=$2 output=$3
object=$(mktemp)
trap 'rm -f "$object"' EXIT
# rtv_build_info's pieces come from the build; their values are no part of the interface.
"$compiler" -std=gnu11 -D_GNU_SOURCE -DRTV_BUILDING_SHARED -DRTV_JPEG_VERSION='""' -DRTV_PNG_VERSION='""' -g -gdwarf-4 -O0 -fPIC \
    -fvisibility=hidden -Ilib -Iinclude $(pkg-config --cflags libcjson) -shared -Wl,--version-script="$map" lib/api/*.c -o "$object"
abidw --headers-dir include/retrieve --drop-private-types --drop-undefined-syms --exported-interfaces-only --no-show-locs \
    --no-comp-dir-path --no-corpus-path --no-architecture --no-elf-needed --out-file "$output" "$object"
