# reduce.sh - retrieve reduce: an index with fewer dimensions, searched with pictures like any other.
. "$(dirname "$0")/support.sh"
make_toy
make_pictures
wants 0 "$retrieve" index pictures -o a.idx --model toy.rtv --class-from-folder

wants 0 "$retrieve" reduce a.idx -o b.idx --dims 4 --k 1,2
is "$(json object items dimensions_before dimensions method whiten)" "6	12	4	pca	false"
wants 0 "$retrieve" verify b.idx
wants 0 "$retrieve" info b.idx --json
is "$(json object items dimensions kept_dimensions classes)" "6	12	4	2"
wants 0 "$retrieve" search b.idx pictures/ant/noto.png -k 1 --model toy.rtv
says out "pictures/ant/noto.png"
wants 0 "$retrieve" eval b.idx
wants 0 "$retrieve" index pictures -o b.idx --model toy.rtv --class-from-folder
says err "6"
wants 0 "$retrieve" info b.idx
says out "12, reduced to 4"
wants 0 "$retrieve" export b.idx b.npy
wants 0 "$retrieve" import b.npy -o c.idx
says err "6 vectors of 4 dimensions"

# The same reduction for another index, in place of a file that is there; a table.
wants 0 "$retrieve" reduce a.idx -o c.idx --like b.idx --storage float16 --table
says out "4 of 12 dimensions"
says out "recall@1 "
wants 0 "$retrieve" eval b.idx --query c.idx
wants 0 "$retrieve" eval b.idx --query a.idx
wants 1 "$retrieve" eval a.idx --query b.idx
says err "expected one that is not"
wants 0 "$retrieve" reduce a.idx -o c.idx --dims 3 --method truncate
is "$(json object dimensions method)" "3	truncate"
tidy

# What cannot be.
wants 2 "$retrieve" reduce a.idx -o d.idx
wants 2 "$retrieve" reduce a.idx -o d.idx --dims 0
wants 2 "$retrieve" reduce a.idx -o d.idx --dims 3 --like b.idx
wants 2 "$retrieve" reduce a.idx -o d.idx --like b.idx --whiten
wants 2 "$retrieve" reduce a.idx -o d.idx --dims 3 --method truncate --whiten
wants 2 "$retrieve" reduce a.idx -o d.idx --dims 3 --k 2,1
wants 2 "$retrieve" reduce a.idx -o d.idx --dims 3 --method random
wants 1 "$retrieve" reduce a.idx -o d.idx --dims 13
says err "kept_dim: got 13, expected 1 to 12"
wants 1 "$retrieve" reduce a.idx -o a.idx --dims 4
says err "a.idx: cannot write: it is what is read"
wants 1 "$retrieve" reduce a.idx -o d.idx --like a.idx
wants 1 "$retrieve" reduce b.idx -o d.idx --dims 2
says err "reduced already"
wants 1 "$retrieve" reduce nothing.idx -o d.idx --dims 2
[ ! -e d.idx ] || die "d.idx is there"
tidy
