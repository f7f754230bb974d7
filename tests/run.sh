#!/usr/bin/env bash
# run.sh - set-up, build, and every test: release, sanitizers, and plain C without oneDNN; those of threads under the thread sanitizer.
# Usage: tests/run.sh [--again] [DATA_FOLDER]
#
# DATA_FOLDER (or the environment's RTV_DATA_DIR) has caltech101/, emoji/ and cgd_sg.pth; without it, the tests that need it are skipped.
# RTV_TEST_FULL=1 gives the tests of ten threads ten seconds each instead of two.
# When nothing has changed since everything passed, it says so and stops; --again runs all the same.
set -euo pipefail
again=no
if [ "${1:-}" = --again ]; then
    again=yes
    shift
fi
data=${1:-${RTV_DATA_DIR:-}}
if [ -n "$data" ]; then
    [ -d "$data" ] || { echo "tests/run.sh: no such folder: $data" >&2; exit 2; }
    data=$(cd "$data" && pwd)
fi
cd "$(dirname "$0")/.."
jobs=$(getconf _NPROCESSORS_ONLN)
start=$SECONDS

cmake/setup.sh --tests

fingerprint() { # of every file of the tree, the compiler and the data folder's name
    {
        echo "$data"
        "${CC:-cc}" --version
        find . \( -path ./.git -o -path './build*' \) -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    } | sha256sum
}
passed=build/tests/.passed
report=build/tests/report.txt
now=$(fingerprint)
if [ $again = no ] && [ "$(cat $passed 2>/dev/null)" = "$now" ]; then
    cat $report
    echo "That was on $(date -r $passed '+%F %T'), and nothing has changed since (--again runs them all the same)."
    exit 0
fi
mkdir -p build/tests
rm -f $passed

failed=""
skipped=""
counts=""
# What a test says about skipping, in ctest's log: its own word, or cmocka's line for one case of a program.
skip_reasons() {
    awk '/^[0-9]+\/[0-9]+ Test(ing)?: / { test = $3 } /^(skipped|SKIPPED): |^\[  SKIPPED \] [^0-9]/ { sub(/^(skipped|SKIPPED): /, ""); sub(/^\[  SKIPPED \] /, "case "); if (!seen[test $0]++) print "  " test ": " $0 }' "$1"
}
suite() { # preset, what to build, data folder, ctest's options...
    local preset=$1 folder=build/tests/$1 target=$2 with_data=$3
    shift 3
    echo "== $preset: build"
    cmake --preset "$preset" -B "$folder" -DRTV_WERROR=ON -DRTV_DATA_DIR="$with_data" >"$folder.log" 2>&1 &&
        cmake --build "$folder" --target "$target" -j "$jobs" >"$folder.log" 2>&1 || {
        tail -n 30 "$folder.log"
        failed="$failed $preset(build)"
        return 0
    }
    echo "== $preset: test"
    ctest --test-dir "$folder" -j "$jobs" --output-on-failure --no-tests=error "$@" | tee "$folder.log" ||
        failed="$failed $preset"
    counts="$counts, $preset $(grep -c ' Passed  ' "$folder.log" || true)"
    local reasons
    reasons=$(skip_reasons "$folder/Testing/Temporary/LastTest.log")
    [ -z "$reasons" ] || skipped="$skipped"$'\n'"$preset"$'\n'"$reasons"
}

suite release all "$data"
suite asan all "" --label-exclude lint
suite reference all "" --label-exclude lint
suite tsan thread_tests "" --label-regex threads

{
    if [ -n "$skipped" ]; then printf '\n!! SKIPPED%s\n\n' "$skipped"; fi
    if [ -n "$failed" ]; then
        echo "tests/run.sh: FAILED:$failed (in $((SECONDS - start)) s)"
    else
        echo "tests/run.sh: all tests passed in $((SECONDS - start)) s (programs${counts#,})"
    fi
} >$report
cat $report
[ -z "$failed" ] || exit 1
echo "$now" >$passed
