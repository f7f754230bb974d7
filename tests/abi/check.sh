# check.sh - the binary interface against the snapshot of its first release (docs/abi.md), and that this check would notice.
# Usage, from the root of the tree: check.sh C_COMPILER EXPORTS_MAP
set -eu
compiler=$1 map=$2
here=$PWD/tests/abi
if ! command -v abidiff >/dev/null; then
    echo "skipped: abidiff is not installed (Debian package abigail-tools)"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What abidiff may report: structs that begin with their size have grown at their end. Any line that does not say so breaks the promise.
# (Its own suppressions will not do: has_data_member_inserted_at also lets members of other types pass.)
may_be() {
    sized=$(awk '/^typedef struct rtv_/ { name = $3 } /^    uint32_t struct_size;/ { print name }' include/retrieve/*.h)
    awk -v sized="$sized" '
        BEGIN { for (i = split(sized, name); i > 0; i--) grows["\047struct " name[i] "\047"] = 1 }
        /^Leaf changes summary:|^Changed leaf types summary:|^$/ { next }
        /^Removed\/Changed\/Added (functions|variables) summary: 0 Removed, 0 Changed, / { next }
        / changed:$/ && $1 " " $2 in grows { size = -1; next }
        /^  type size changed from [0-9]+ to [0-9]+ \(in bits\)$/ && size == -1 { size = $5; next }
        /^  [0-9]+ data member insertions?:$/ && size > 0 { next }
        /^    .*, at offset [0-9]+ \(in bits\)$/ && size > 0 && $(NF - 2) >= size { next }
        { print "not allowed: " $0; size = 0; bad = 1 }
        END { exit bad }' "$1"
}

# Succeeds when the tree in the working directory keeps what the snapshot promises.
keeps() { # snapshot
    sh "$here/dump.sh" "$compiler" "$map" "$work/now.abi"
    abidiff --leaf-changes-only --no-added-syms --no-show-locs "$1" "$work/now.abi" >"$work/report" || may_be "$work/report" >"$work/verdict"
}

# What a change to a header does to the verdict, tried on a copy.
sh "$here/dump.sh" "$compiler" "$map" "$work/start.abi"
try() { # expected verdict, header, sed command
    rm -rf "$work/tree"
    mkdir "$work/tree"
    cp -R include lib "$work/tree"
    sed -i "$3" "$work/tree/include/retrieve/$2"
    ! cmp -s "include/retrieve/$2" "$work/tree/include/retrieve/$2" || { echo "the trial '$3' changes nothing in $2"; exit 1; }
    verdict=broken
    if (cd "$work/tree" && keeps "$work/start.abi"); then verdict=kept; fi
    [ $verdict = "$1" ] || { echo "the trial '$3' in $2: got $verdict, expected $1"; cat "$work/report"; exit 1; }
}
try kept model.h 's/^} rtv_embed_options;/    int64_t grown; &/'
try kept index.h 's/^} rtv_index_info;/    char grown[8]; &/'
try broken model.h 's/^    int32_t mode; .*/    int32_t inserted; &/'
try broken index.h 's/^    float score;/    double score;/'
try broken status.h 's/char message\[496\]/char message[500]/'
try broken image.h 's/^} rtv_picture;/    int64_t grown; &/'
try broken model.h 's/^} rtv_embed_options;/    int64_t grown; &/; s/^    int32_t mode; .*/    int64_t mode;/'
try broken runtime.h 's/^    void \*(\*allocate)(void \*user,/& int32_t kind,/'

abi=$(sed -n 's/^#define RTV_ABI_VERSION //p' include/retrieve/version.h)
if ! keeps "$here/retrieve.abi"; then
    cat "$work/report" "$work/verdict"
    echo "The changes above break programs that are compiled already: undo them, or raise RTV_ABI_VERSION (docs/abi.md)."
    exit 1
fi
echo "ABI $abi: nothing has changed since the snapshot but what may"
