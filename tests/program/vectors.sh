# vectors.sh - retrieve import, export, verify, compact, remove.
. "$(dirname "$0")/support.sh"
make_toy
make_pictures
wants 0 "$retrieve" index pictures -o a.idx --model toy.rtv --class-from-folder

# Out and in again, whatever the kind; the same vectors come back.
wants 0 "$retrieve" export a.idx a.npy
wants 0 "$retrieve" export a.idx a.fvecs
wants 0 "$retrieve" export a.idx a.faiss --with-ids
for kind in npy fvecs faiss; do
    wants 0 "$retrieve" import a.$kind -o $kind.idx
    says err "6 vectors of 12 dimensions"
    wants 0 "$retrieve" verify $kind.idx
    says err "whole; 6 items"
    wants 0 "$retrieve" export $kind.idx $kind.npy
    cmp -s a.npy $kind.npy || die "other vectors came back from .$kind"
done
for i in 5 4 3 2 1 0; do echo $i; done >ids
printf 'b\na\n\nb\nc\nb\n' >classes
wants 0 "$retrieve" import a.npy -o b.idx --ids ids --classes classes --storage float16 --normalize
wants 0 "$retrieve" info b.idx --json
is "$(json object items classes has_classes storage)" "6	3	true	float16"
tidy

# What cannot be.
wants 2 "$retrieve" export a.idx a.txt
wants 2 "$retrieve" export a.idx a.npy --with-ids
wants 2 "$retrieve" import a.npy -o c.idx --storage int4
echo x >>ids
wants 1 "$retrieve" import a.npy -o c.idx --ids ids
says err "got 7 lines, expected 6"
wants 1 "$retrieve" import ids -o c.idx
says err "ids: vectors: file: is none of"
[ ! -e c.idx ] || die "c.idx is there"
tidy

# What is there and no index stays; an index that somebody writes to, too.
wants 1 "$retrieve" import a.npy -o ids
says err "ids stays as it is"
wants 1 "$retrieve" import a.npy -o a.npy
cp fvecs.idx written.idx
ran="retrieve import into an index that is locked"
flock -x written.idx "$retrieve" import a.npy -o written.idx 2>err
is $? 1
says err "is open for writing already"
cmp -s fvecs.idx written.idx || die "a locked index was replaced"
tidy

# Removing, and giving the space back.
wants 3 "$retrieve" remove a.idx pictures/ant/noto.png nothing
says err "nothing: is not in the index"
wants 0 "$retrieve" info a.idx --json
is "$(json object items)" 5
wants 0 "$retrieve" search a.idx pictures/ant/noto.png -k 9 --model toy.rtv
lines out 5
wants 0 "$retrieve" compact a.idx
wants 0 "$retrieve" verify a.idx
says err "whole; 5 items"

# Damage is named.
printf 'X' | dd of=a.idx bs=1 seek=13000 conv=notrunc 2>dd
wants 1 "$retrieve" verify a.idx
says err "a.idx: index: "
says err " at "
