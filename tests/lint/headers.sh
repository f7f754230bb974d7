# headers.sh - every public header compiles alone, as C99, C11 and C++11, without a warning. Usage: headers.sh C_COMPILER
set -eu
status=0
compile() { # compiler, language, standard, header
    printf '#include <retrieve/%s>\nint one_definition;\n' "$4" |
        "$1" -x "$2" -std="$3" -pedantic -Wall -Wextra -Wshadow -Wconversion -Werror -fsyntax-only -Iinclude - || {
        echo "include/retrieve/$4 is not clean as $3"
        status=1
    }
}
for header in include/retrieve/*.h; do
    header=$(basename "$header")
    compile "$1" c c99 "$header"
    compile "$1" c c11 "$header"
    if command -v c++ >/dev/null; then compile c++ c++ c++11 "$header"; fi
done
[ $status = 0 ] || exit $status
if ! command -v c++ >/dev/null; then
    echo "skipped: no C++ compiler for the C++11 half (Debian package g++); C99 and C11 are clean"
    exit 77
fi
