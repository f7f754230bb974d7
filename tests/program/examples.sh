# examples.sh - the programs of examples/ run and agree with the program.
. "$(dirname "$0")/support.sh"
[ -x "$BUILD/examples/nearest" ] || { echo "skipped: the examples were not built"; exit 77; }
make_toy
make_pictures

wants 0 "$BUILD/examples/index_files" toy.rtv files.idx pictures/*/*.png
says out "6 pictures in files.idx"
wants 0 "$retrieve" index pictures -o program.idx --model toy.rtv
for file in files program; do wants 0 "$retrieve" export $file.idx $file.npy; done
cmp -s files.npy program.npy || die "the example's index is another"
echo "no picture" >broken.png
wants 0 "$BUILD/examples/index_files" toy.rtv some.idx pictures/ant/noto.png broken.png
says err "broken.png: "
says out "1 pictures"
wants 1 "$BUILD/examples/index_files" nowhere.rtv some.idx broken.png

wants 0 "$BUILD/examples/nearest" toy.rtv program.idx pictures/key/noto.png
is "$(head -1 out)" "1.0000  pictures/key/noto.png"
lines out 6
wants 1 "$BUILD/examples/nearest" toy.rtv nowhere.idx pictures/key/noto.png
says err "nowhere.idx"

wants 0 "$BUILD/examples/embed_pixels" toy.rtv
awk '{ score[NR] = $NF } END { exit !(NR == 2 && score[1] > score[2] && score[1] <= 1.0001) }' out || die "the moved scene should be nearer"
wants 1 "$BUILD/examples/embed_pixels" nowhere.rtv

# Requests come in any order; the answers carry their numbers.
for picture in ant/noto key/twemoji ant/emojione key/noto; do echo "pictures/$picture.png"; done >requests
echo nowhere.png >>requests
ran="server toy.rtv program.idx"
"$BUILD/examples/server" toy.rtv program.idx <requests >out 2>err || die "the server failed"
sort -n out >answers
head -4 requests | awk '{ print NR "\t1.0000\t" $0 }' >expected
head -4 answers | cmp -s - expected || die "the server's answers are others: $(cat answers)"
lines out 5
grep -q "^5	0.0000	.*nowhere.png" answers || die "no word on the picture that is not there"
wants 1 "$BUILD/examples/server" nowhere.rtv program.idx

wants 0 "$BUILD/examples/own_memory" toy.rtv pictures/key/noto.png 100
says out "left: 0 bytes"
wants 1 "$BUILD/examples/own_memory" toy.rtv pictures/key/noto.png 0
says out "left: 0 bytes"
says err "memory"

if [ -x "$BUILD/examples/nearest_raii" ]; then
    wants 0 "$BUILD/examples/nearest_raii" toy.rtv pictures/key/noto.png pictures/ant/noto.png pictures/key/twemoji.png
    is "$(head -1 out)" "1  pictures/key/noto.png"
    lines out 3
    wants 1 "$BUILD/examples/nearest_raii" toy.rtv broken.png
    says err "broken.png"
fi

wants 0 "$retrieve" model convert "$toys/cgd_sg.pth" -o half.rtv --input 32 --half
wants 0 "$BUILD/examples/compare_models" toy.rtv half.rtv pictures/*/*.png
says out "cosine: mean 1.0000"
says out "noisiest layer: "
wants 1 "$BUILD/examples/compare_models" toy.rtv nowhere.rtv pictures/ant/noto.png
says err "nowhere.rtv"

wants 0 "$retrieve" index pictures -o classes.idx --model toy.rtv --class-from-folder
wants 0 "$BUILD/examples/evaluate" classes.idx
says out "recall@1 "
says out "nothing similar below "
wants 1 "$BUILD/examples/evaluate" program.idx
says err "no item with a class"

wants 0 "$BUILD/examples/fewer_dimensions" classes.idx small.idx 4
says out "after"
wants 0 "$retrieve" info small.idx
says out "12, reduced to 4"
wants 1 "$BUILD/examples/fewer_dimensions" classes.idx small.idx 4
says err "is there already"

wants 0 "$BUILD/examples/quantize" toy.rtv example.rtv pictures/*/*.png
says out "made with 6 pictures"
wants 0 "$retrieve" quantize toy.rtv pictures -o program.rtv --samples 6
wants 0 "$retrieve" compare example.rtv program.rtv pictures --layers 0
says out "mean 1.0000"
wants 0 "$BUILD/examples/quantize" toy.rtv example.rtv pictures/*/*.png broken.png
says err "broken.png: "
says out "made with 6 pictures"
wants 1 "$BUILD/examples/quantize" program.rtv again.rtv pictures/ant/noto.png
says err "got one that is quantized"

wants 0 "$BUILD/examples/accuracy_control" toy.rtv within.rtv pictures/ant/*.png pictures/key/*.png
says out "all in int8"
wants 0 "$retrieve" model info within.rtv --layers
wants 1 "$BUILD/examples/accuracy_control" toy.rtv within.rtv broken.png broken.png
says err "broken.png: "
wants 2 "$BUILD/examples/accuracy_control" toy.rtv within.rtv
