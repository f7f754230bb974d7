# renew.sh - takes the snapshot that check.sh and first_program.c are held to: once for each RTV_ABI_VERSION (docs/abi.md).
# Usage: renew.sh BUILD_FOLDER [additions]
#
# additions: those of a release go into the snapshot, when nothing else has changed; the first headers stay.
set -eu
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
[ "${2:-}" != additions ] || sh tests/abi/check.sh "${CC:-cc}" "$build/lib/exports.map"
sh tests/abi/dump.sh "${CC:-cc}" "$build/lib/exports.map" tests/abi/retrieve.abi
[ "${2:-}" != additions ] || exit 0
rm -rf tests/abi/headers
mkdir -p tests/abi/headers
cp -R include/retrieve tests/abi/headers/
