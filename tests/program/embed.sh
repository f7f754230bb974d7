# embed.sh - retrieve embed: JSON lines, .npy and keys.
. "$(dirname "$0")/support.sh"
make_toy
make_pictures

wants 0 "$retrieve" embed pictures --model toy.rtv
is "$(json lines key class class_score descriptor | wc -l)" 6
is "$(json lines descriptor | sort -u)" "[12]"
json lines key >keys
find pictures -type f | sort | cmp -s - keys || die "the pictures are not in sorted order"
cp out lines
silent err

# .npy: magic, header, [6][12] float32 little-endian, the same numbers as JSON has.
wants 0 "$retrieve" embed pictures --model toy.rtv -o out.npy --keys out.txt
silent out
says err "6 descriptors of 12 floats"
cmp -s out.txt keys || die "keys"
is "$(head -c 8 out.npy | od -An -tx1 | tr -d ' \n')" "934e554d50590100"
is "$(head -c 10 out.npy | tail -c 2 | od -An -tu2 | tr -d ' ')" 118
is "$(head -c 128 out.npy | tail -c 118 | sed 's/ *$//')" "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 12), }"
is "$(wc -c <out.npy)" $((128 + 6 * 12 * 4))
tail -c +129 out.npy | od -An -v -tf4 -w4 | tr -d ' ' >numbers
sed 's/.*"descriptor":\[//; s/\].*//' lines | tr ',' '\n' >wanted
paste numbers wanted | awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > 1e-7) exit 1 } END { if (NR != 72) exit 1 }' || die ".npy and JSON differ"
# Descriptors have unit length.
awk '{ sum += $1 * $1 } NR % 12 == 0 { if (sum < 0.99999 || sum > 1.00001) exit 1; sum = 0 }' numbers || die "no unit length"

# The form of a descriptor does not depend on what stands beside it, nor on threads.
wants 0 "$retrieve" embed pictures/key/noto.png --model toy.rtv --threads 1
grep -qxF "$(cat out)" lines || die "alone it has another descriptor"

# Broken pictures are named and left out.
echo "no picture" >broken.png
wants 3 "$retrieve" embed pictures/ant/noto.png broken.png pictures/key/noto.png --model toy.rtv -o some.npy --keys some.txt
says err "broken.png"
is "$(tr '\n' ' ' <some.txt)" "pictures/ant/noto.png pictures/key/noto.png "
is "$(wc -c <some.npy)" $((128 + 2 * 12 * 4))
wants 3 "$retrieve" embed broken.png --model toy.rtv
silent out
mkdir empty
wants 0 "$retrieve" embed empty --model toy.rtv -o none.npy
is "$(wc -c <none.npy)" 128

# An existing file is replaced whole and keeps its rights; a link stays a link; a new file has the usual rights.
: >real.npy
ln -s real.npy link.npy
wants 0 "$retrieve" embed pictures --model toy.rtv -o link.npy
[ -L link.npy ] || die "the link is gone"
cmp -s real.npy out.npy || die "what the link points to"
chmod 600 real.npy
wants 0 "$retrieve" embed pictures --model toy.rtv -o real.npy
is "$(stat -c %a real.npy)" 600
umask 027
wants 0 "$retrieve" embed pictures --model toy.rtv -o private.npy
is "$(stat -c %a private.npy)" 640

# Errors.
wants 1 "$retrieve" embed pictures --model toy.rtv -o nowhere/out.npy
says err "nowhere/out.npy: cannot write: No such file or directory"
wants 1 "$retrieve" embed pictures --model toy.rtv -o /dev/full
says err "/dev/full: cannot write: No space left on device"
wants 1 "$retrieve" embed pictures --model toy.rtv -o other.npy --keys /dev/full
[ ! -e other.npy ] || die "a matrix without its keys was written"
wants 1 sh -c '"$1" embed pictures --model toy.rtv >/dev/full' sh "$retrieve"
says err "standard output: cannot write"
tidy
