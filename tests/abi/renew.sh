# renew.sh - takes the snapshot that check.sh and first_program.c are held to: once for each RTV_ABI_VERSION (docs/abi.md).
# Usage: renew.sh BUILD_FOLDER
set -eu
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
sh tests/abi/dump.sh "${CC:-cc}" "$build/lib/exports.map" tests/abi/retrieve.abi
rm -rf tests/abi/headers
mkdir -p tests/abi/headers
cp -R include/retrieve tests/abi/headers/
