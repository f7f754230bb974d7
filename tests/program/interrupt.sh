# interrupt.sh - Ctrl-C in the middle: the old file stays, nothing is left behind, exit status 130.
. "$(dirname "$0")/support.sh"
make_toy
make_pictures
wants 0 "$retrieve" index pictures -o a.idx --model toy.rtv
cp a.idx kept
make_long_work

for signal in INT TERM; do
    wants 130 timeout --preserve-status -s $signal 2.5 "$retrieve" index many -o a.idx --model slow.rtv --threads 1
    says err "interrupted; a.idx is as it was"
    cmp -s a.idx kept || die "the old index changed"
done
wants 130 timeout --preserve-status -s INT 2.5 "$retrieve" index many -o new.idx --model slow.rtv --threads 1
[ ! -e new.idx ] || die "an index was written"
wants 130 timeout --preserve-status -s INT 2.5 "$retrieve" embed many -o new.npy --keys new.txt --model slow.rtv --threads 1
says err "interrupted"
[ ! -e new.npy ] && [ ! -e new.txt ] || die "a file was written"
wants 0 "$retrieve" index pictures -o slow.idx --model slow.rtv
wants 130 timeout --preserve-status -s INT 2.5 "$retrieve" search slow.idx many --html new.html --model slow.rtv --threads 1
[ ! -e new.html ] || die "a sheet was written"

# At any moment, also while the model is loaded and the folders are read: never a result that looks whole.
mkdir nested
mv many nested
for delay in 0.02 0.05 0.1 0.2 0.4; do
    wants 130 timeout --preserve-status -s INT $delay "$retrieve" search slow.idx nested --model slow.rtv --threads 1
    wants 130 timeout --preserve-status -s INT $delay "$retrieve" embed nested -o new.npy --model slow.rtv --threads 1
    [ ! -e new.npy ] || die "a file was written"
    wants 130 timeout --preserve-status -s INT $delay "$retrieve" quantize slow.rtv nested -o new.rtv --threads 1
    [ ! -e new.rtv ] || die "a model was written"
    wants 130 timeout --preserve-status -s INT $delay "$retrieve" compare slow.rtv toy.rtv nested --threads 1
done

# An import has nothing to tell in the middle, and ends at once.
printf '\003\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000' >large.fvecs
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    cat large.fvecs large.fvecs >twice
    mv twice large.fvecs
done
for delay in 0.02 0.05 0.1 0.2; do
    ran="retrieve import large.fvecs, interrupted after $delay s"
    timeout --preserve-status -s INT $delay "$retrieve" import large.fvecs -o large.idx >out 2>err
    status=$?
    [ $status = 130 ] || [ $status = 0 ] || die "exit status $status"
    [ $status = 0 ] || [ ! -e large.idx ] || die "an index was written"
    tidy
    rm -f large.idx
done
tidy
