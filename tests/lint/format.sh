# format.sh - the sources are as clang-format 14 leaves them (other versions differ in details).
set -eu
tool=
for candidate in clang-format-14 clang-format; do
    if command -v $candidate >/dev/null && $candidate --version | grep -q 'version 14\.'; then
        tool=$candidate
        break
    fi
done
if [ -z "$tool" ]; then
    echo "skipped: clang-format 14 is not installed (Debian package clang-format-14)"
    exit 77
fi
set --
for file in lib/*/*.[ch] src/*.[ch] include/retrieve/*.h* tests/*/*.[ch] tests/*/*.[ch]pp examples/*.[ch] examples/*.cpp benchmarks/*.[ch] bindings/go/*.[ch]; do
    [ ! -e "$file" ] || set -- "$@" "$file"
done
exec $tool --dry-run --Werror "$@"
