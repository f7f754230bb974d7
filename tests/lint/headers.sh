# headers.sh - every public header compiles alone, as C99, C11 and C++11 to C++20, without a warning. Usage: headers.sh C_COMPILER
set -eu
status=0
compile() { # compiler, language, standard, header, option...
    local compiler=$1 language=$2 standard=$3 header=$4
    shift 4
    printf '#include <retrieve/%s>\n#include <retrieve/%s>\nint one_definition;\n' "$header" "$header" |
        "$compiler" -x "$language" -std="$standard" -pedantic -Wall -Wextra -Wshadow -Wconversion -Wundef -Werror -fsyntax-only -Iinclude "$@" - || {
        echo "include/retrieve/$header is not clean as $standard $*"
        status=1
    }
}
cpp=$(command -v c++ || true)
for header in include/retrieve/*.h; do
    header=$(basename "$header")
    compile "$1" c c99 "$header" -Wstrict-prototypes
    compile "$1" c c11 "$header" -Wstrict-prototypes
    [ -z "$cpp" ] || compile c++ c++ c++11 "$header"
done
for standard in c++11 c++17 c++20; do
    [ -n "$cpp" ] || break
    compile c++ c++ $standard retrieve.h
    compile c++ c++ $standard retrieve.hpp
    compile c++ c++ $standard retrieve.hpp -fno-exceptions
    compile c++ c++ $standard retrieve.hpp -DRTV_HPP_NO_EXCEPTIONS
done
# A field that a later release puts into padding would be read from programs that never wrote it.
if printf '#include <retrieve/%s>\n' $(cd include/retrieve && ls *.h) | "$1" -x c -std=c11 -Wpadded -fsyntax-only -Iinclude - 2>&1 |
    grep -A 2 -E 'padding (struct size to|size of)'; then
    echo "the structs above end with padding: name it reserved"
    status=1
fi
[ $status = 0 ] || exit $status
if ! command -v c++ >/dev/null; then
    echo "skipped: no C++ compiler for the C++ half (Debian package g++); C99 and C11 are clean"
    exit 77
fi
