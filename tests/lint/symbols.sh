# symbols.sh - what the libraries show and what they call. Usage: symbols.sh SHARED_LIBRARY STATIC_LIBRARY
set -eu
shared=$1 static=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
differ() { # title, file, file
    diff "$2" "$3" >"$work/difference" && return
    echo "$1 (< first, > second):"
    cat "$work/difference"
    status=1
}

# exports.txt = exported = declared.
grep '^rtv_' lib/exports.txt | awk '{print $1}' >"$work/listed"
LC_ALL=C sort "$work/listed" >"$work/sorted"
differ "lib/exports.txt is not sorted" "$work/listed" "$work/sorted"
grep -h '^RTV_API' include/retrieve/*.h | sed -E 's/\(.*//; s/.*[ *](rtv_[a-z0-9_]+)$/\1/' | LC_ALL=C sort >"$work/declared"
differ "lib/exports.txt and the public headers differ" "$work/listed" "$work/declared"
nm -D --defined-only "$shared" | awk '$2 != "A" {print $3}' | LC_ALL=C sort >"$work/exported"
sed 's/@.*//' "$work/exported" >"$work/exported_names"
differ "lib/exports.txt and what the shared library exports differ" "$work/listed" "$work/exported_names"
abi=$(sed -n 's/^#define RTV_ABI_VERSION //p' include/retrieve/version.h)
awk -v abi="$abi" '/^rtv_/ {print $1 "@@RETRIEVE_ABI" abi "_" $2}' lib/exports.txt >"$work/versioned"
differ "the releases in lib/exports.txt and the symbols' versions differ" "$work/versioned" "$work/exported"
readelf -d "$shared" | grep -q "SONAME.*\[libretrieve\.so\.$abi\]" || { echo "the SONAME is not libretrieve.so.$abi"; status=1; }
awk '/^rtv_/ && (NF != 2 || $2 !~ /^[0-9]+\.[0-9]+\.[0-9]+$/) { print "lib/exports.txt: no release in: " $0; bad = 1 } END { exit bad }' lib/exports.txt || status=1

# The archive: our prefixes only, and all of it hidden, so that whoever links it exports nothing of it by accident.
nm -g --defined-only "$static" 2>/dev/null | awk 'NF == 3 && $3 !~ /^rtvi?_/ {print $3}' >"$work/foreign"
if [ -s "$work/foreign" ]; then
    echo "symbols of the static library without our prefix:"
    cat "$work/foreign"
    status=1
fi
readelf -sW "$static" | awk '$5 == "GLOBAL" && $6 == "DEFAULT" && $7 != "UND" {print $8}' >"$work/visible"
if [ -s "$work/visible" ]; then
    echo "symbols of the static library that are not hidden:"
    cat "$work/visible"
    status=1
fi

# The library never prints, exits, aborts, reads the environment or starts a program.
nm -u "$static" 2>/dev/null | awk '{print $NF}' | sort -u >"$work/called"
forbidden='(__)?v?f?printf(_chk)?|puts|fputs|fputc|putchar|putc|perror|psignal|stdout|stderr|stdin|(secure_)?getenv|setenv|putenv|_?_?exit|quick_exit|abort|__assert_fail|raise|system|popen|exec[lv]p?e?|setlocale|srand|rand'
if grep -xE "$forbidden" "$work/called" >"$work/bad"; then
    echo "the library calls or uses what it may not:"
    cat "$work/bad"
    status=1
fi

# Nothing of the network sneaks in through a dependency.
if ldd "$shared" | grep -E 'not found|lib(ssl|crypto|gnutls|curl|nss)[.0-9-]*so'; then
    echo "the shared library drags in the above"
    status=1
fi
echo "$(wc -l <"$work/listed") exported symbols checked"
exit $status
