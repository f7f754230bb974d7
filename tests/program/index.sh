# index.sh - retrieve index and retrieve info.
. "$(dirname "$0")/support.sh"
make_toy
make_pictures

wants 0 "$retrieve" index pictures -o a.idx --model toy.rtv
silent out
says err "6 pictures"
wants 0 "$retrieve" info a.idx --json
is "$(json object items dimensions classes has_classes format)" "6	12	0	false	1"
wants 0 "$retrieve" model info toy.rtv --json
fingerprint=$(json object fingerprint)
wants 0 "$retrieve" info a.idx
says out "items"
says out "$fingerprint"
silent err

# The same folder gives the same bytes, whatever the threads and however it is spelled.
wants 0 "$retrieve" index ./pictures/ -o b.idx --model toy.rtv --threads 1
cmp -s a.idx b.idx || die "the index differs"

# Classes are the folders' names; keys are the paths that find prints.
wants 0 "$retrieve" index pictures -o c.idx --model toy.rtv --class-from-folder
says err "2 classes"
wants 0 "$retrieve" info c.idx --json
is "$(json object classes has_classes)" "2	true"
wants 0 "$retrieve" search c.idx pictures -k 1 --model toy.rtv
json lines key | sort >keys
find pictures -type f | sort >files
cmp -s keys files || die "keys are not find's paths"

# What is left out: hidden names, other files, links to folders; what is in: any case, links to files, folders below.
mkdir -p mixed/deep/er mixed/.hidden
cp pictures/ant/noto.png mixed/B.PNG
cp pictures/ant/noto.png mixed/.secret.png
cp pictures/ant/noto.png mixed/.hidden/a.png
cp pictures/key/noto.png mixed/deep/er/a.png
ln -s ../pictures/key/twemoji.png mixed/link.png
ln -s ../pictures mixed/folder
echo text >mixed/notes.txt
echo text >mixed/readme
mkfifo mixed/pipe.png
wants 0 "$retrieve" index mixed -o mixed.idx --model toy.rtv
says err "3 pictures"
says err "skipped"
says err ".txt 1"
cd mixed || exit 1
wants 0 "$retrieve" index . -o ../here.idx --model ../toy.rtv
wants 0 "$retrieve" search ../here.idx . -k 1 --model ../toy.rtv
is "$(json lines key | tr '\n' ' ')" "B.PNG deep/er/a.png link.png "
rm out err
cd ..

# Broken pictures are named, counted, and do not stop it; the rest is what it would be without them.
cp -r pictures broken
echo "no picture" >broken/ant/a.png
head -c 500 pictures/ant/noto.png >broken/key/cut.png
: >broken/key/empty.jpg
ln -s nowhere broken/key/dangling.png
wants 3 "$retrieve" index broken -o broken.idx --model toy.rtv
for name in ant/a.png key/cut.png key/empty.jpg key/dangling.png; do says err "broken/$name"; done
says err "4 could not be read"
says err "6 pictures"
wants 0 "$retrieve" info broken.idx --json
is "$(json object items)" 6
name=$(printf 'bad\001name.png')
mkdir odd
cp pictures/ant/noto.png "odd/$name"
cp pictures/ant/noto.png odd/good.png
wants 3 "$retrieve" index odd -o odd.idx --model toy.rtv
says err "odd/bad?name.png: the name is not UTF-8"
says err "1 picture,"

# An empty folder is no error.
mkdir empty
wants 0 "$retrieve" index empty -o empty.idx --model toy.rtv
says err "no pictures in empty"
wants 0 "$retrieve" info empty.idx --json
is "$(json object items)" 0

# Many pictures: more than one batch.
mkdir many
for i in $(seq 300); do echo "pictures/ant/noto.png many/$i.png"; done | while read -r from to; do ln -s "../$from" "$to"; done
wants 0 "$retrieve" index many -o many.idx --model toy.rtv
says err "300 pictures"

# Errors: named; an old index stays.
cp a.idx kept
wants 1 "$retrieve" index nowhere -o a.idx --model toy.rtv
says err "nowhere: No such file or directory"
wants 1 "$retrieve" index files -o a.idx --model toy.rtv
says err "files: Not a directory"
wants 1 "$retrieve" index pictures -o a.idx --model nowhere.rtv
says err "nowhere.rtv"
wants 1 "$retrieve" index pictures -o nowhere/a.idx --model toy.rtv
says err "nowhere/a.idx: cannot write: No such file or directory"
wants 1 "$retrieve" index pictures -o pictures --model toy.rtv
says err "Is a directory"
wants 1 "$retrieve" index pictures -o /dev/null --model toy.rtv
[ -c /dev/null ] || die "/dev/null is gone"
cmp -s a.idx kept || die "the old index changed"
head -c 100 a.idx >cut.idx
wants 1 "$retrieve" info cut.idx
says err "cut.idx"
wants 1 "$retrieve" info nowhere.idx
says err "nowhere.idx"
tidy
