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

wants 0 "$retrieve" model convert "$toys/cgd_sg.pth" -o half.rtv --input 32 --half
wants 0 "$BUILD/examples/compare_models" toy.rtv half.rtv pictures/*/*.png
says out "cosine: mean 1.0000"
says out "noisiest layer: "
wants 1 "$BUILD/examples/compare_models" toy.rtv nowhere.rtv pictures/ant/noto.png
says err "nowhere.rtv"
