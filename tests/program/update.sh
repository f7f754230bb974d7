# update.sh - retrieve index on an index that is there: only what has changed is read.
. "$(dirname "$0")/support.sh"
make_toy
make_pictures

wants 0 "$retrieve" index pictures -o a.idx --model toy.rtv --class-from-folder
cp a.idx before.idx
wants 0 "$retrieve" index pictures -o a.idx --model toy.rtv --class-from-folder
says err "6 as they were, 0 embedded, 0 taken out"
cmp -s a.idx before.idx || die "nothing changed, but the index did"

# One gone, one changed, one new, in a class of its own.
rm pictures/ant/noto.png
cp pictures/key/noto.png pictures/key/emojione.png
mkdir pictures/bee
cp pictures/ant/twemoji.png pictures/bee/new.png
wants 0 "$retrieve" index pictures -o a.idx --model toy.rtv --class-from-folder
says err "4 as they were, 2 embedded, 2 taken out"
says err "6 pictures"
wants 0 "$retrieve" verify a.idx
wants 0 "$retrieve" info a.idx --json
is "$(json object items classes)" "6	3"
wants 0 "$retrieve" search a.idx pictures -k 6 --model toy.rtv
cp out updated
json lines key class | sort -u >keys
is "$(wc -l <keys)" 6
grep -q "pictures/bee/new.png	bee" keys || die "the new class is not there"

# The same hits as those of an index made anew.
wants 0 "$retrieve" index pictures -o b.idx --model toy.rtv --class-from-folder
wants 0 "$retrieve" search b.idx pictures -k 6 --model toy.rtv
for file in updated out; do sed 's/"id":[0-9]*,//; s/"rank":[0-9]*,//' $file | sort >$file.sorted; done
cmp -s updated.sorted out.sorted || die "hits differ from those of a new index"

# Made anew: on demand, by another model, with other classes.
wants 0 "$retrieve" index pictures -o a.idx --model toy.rtv --class-from-folder --rebuild
lacks err "as they were"
cmp -s a.idx b.idx || die "rebuilt, it is not what a new one is"
wants 0 "$retrieve" index pictures -o a.idx --model toy.rtv
lacks err "as they were"

# Over what is no index only on demand, over a model never unasked for.
echo text >a.idx
wants 1 "$retrieve" index pictures -o a.idx --model toy.rtv
says err "a.idx: index: the first 8 bytes"
says err "stays as it is"
is "$(cat a.idx)" text
cp toy.rtv kept.rtv
wants 1 "$retrieve" index pictures -o toy.rtv --model toy.rtv
wants 1 "$retrieve" quantize toy.rtv pictures -o ./toy.rtv
says err "toy.rtv: cannot write: it is what is read"
wants 1 "$retrieve" model convert toy.rtv -o toy.rtv
cmp -s toy.rtv kept.rtv || die "the model changed"
wants 0 "$retrieve" index pictures -o a.idx --model toy.rtv --rebuild
says err "6 pictures"
: >a.idx
wants 0 "$retrieve" index pictures -o a.idx --model toy.rtv
says err "6 pictures"

# A picture that can no longer be read is taken out.
echo "no picture" >pictures/ant/twemoji.png
wants 3 "$retrieve" index pictures -o a.idx --model toy.rtv
says err "5 pictures"
wants 0 "$retrieve" info a.idx --json
is "$(json object items)" 5
tidy
