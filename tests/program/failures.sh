# failures.sh - a disk that is full, a folder without rights.
. "$(dirname "$0")/support.sh"
make_toy
make_pictures
wants 0 "$retrieve" index pictures -o a.idx --model toy.rtv
cp a.idx kept

# The file size limit of the shell (in blocks of 512 bytes) stands for a full disk; SIGXFSZ ignored, as in most services.
limited() {
    blocks=$1
    shift
    sh -c 'trap "" XFSZ; ulimit -f "$1"; shift; exec "$@"' sh "$blocks" "$@"
}
wants 1 limited 1 "$retrieve" index pictures -o a.idx --model toy.rtv --rebuild
says err "a.idx"
says err "File too large"
cmp -s a.idx kept || die "the old index changed"
cp pictures/ant/noto.png pictures/ant/new.png
wants 1 limited 1 "$retrieve" index pictures -o a.idx --model toy.rtv
says err "File too large"
cmp -s a.idx kept || die "an update that failed changed the index"
rm pictures/ant/new.png
wants 1 limited 1 "$retrieve" model convert "$toys/cgd_sg.pth" -o m.rtv --input 32
says err "m.rtv"
says err "File too large"
[ ! -e m.rtv ] || die "half a model was written"
cp -r pictures once
for i in 1 2 3 4 5 6 7 8; do cp -r once pictures/$i; done # enough descriptors for a file of more than one block
wants 1 limited 1 "$retrieve" embed pictures --model toy.rtv -o e.npy
says err "e.npy: cannot write: File too large"
[ ! -e e.npy ] || die "half a matrix was written"
wants 1 limited 1 "$retrieve" search a.idx pictures --model toy.rtv --html s.html
says err "s.html: cannot write: File too large"
[ ! -e s.html ] || die "half a sheet was written"
tidy

# A closed standard error is not the next file that is opened: no message goes into an index.
echo "no picture" >pictures/ant/bad.png
ran="retrieve index with nothing open"
"$retrieve" index pictures -o closed.idx --model toy.rtv <&- >&- 2>&-
is $? 3
wants 0 "$retrieve" verify closed.idx
"$retrieve" info closed.idx >&- 2>err
is $? 1
says err "standard output: cannot write: Bad file descriptor"
rm pictures/ant/bad.png

if [ "$(id -u)" = 0 ]; then
    echo "as root every folder is writable and readable: rights are not tested"
    exit 0
fi
mkdir locked
chmod 555 locked
wants 1 "$retrieve" index pictures -o locked/a.idx --model toy.rtv
says err "locked/a.idx: cannot write: Permission denied"
wants 1 "$retrieve" embed pictures -o locked/a.npy --model toy.rtv
says err "locked/a.npy: cannot write: Permission denied"
mkdir closed
chmod 000 closed
cp a.idx kept
wants 1 "$retrieve" index closed -o a.idx --model toy.rtv
says err "closed: Permission denied"
cmp -s a.idx kept || die "the old index changed"
mkdir pictures/closed
chmod 000 pictures/closed
wants 3 "$retrieve" index pictures -o b.idx --model toy.rtv
says err "pictures/closed: Permission denied"
says err "6 pictures"
