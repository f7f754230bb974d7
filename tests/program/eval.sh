# eval.sh - retrieve eval, and retrieve index --list, which gives it classes.
. "$(dirname "$0")/support.sh"
make_toy
make_pictures
wants 0 "$retrieve" index pictures -o classes.idx --model toy.rtv --class-from-folder

# JSON: what search finds with the same items left out is what eval says.
wants 0 "$retrieve" eval classes.idx --k 1,3
is "$(json object protocol gallery queries answerable unlabelled classes | tr '\t' ' ')" "leave-one-out 6 6 6 0 2"
recall=$(json object metrics/recall@1/value)
for member in precision@1 precision@3 R-precision mAP@R mAP MRR recall@3; do json object "metrics/$member/value" >/dev/null; done
json object metrics/mAP/low metrics/mAP/high metrics/mAP/answerable/value threshold/min_score >/dev/null
wants 0 "$retrieve" search classes.idx pictures --model toy.rtv --class-from-folder --exclude-self -k 1
grep '"summary"' out >summary
"$JSON_CHECK" object summary/recall@1 <summary | awk -v r="$recall" '{ d = $1 - r; exit d > 1e-9 || d < -1e-9 }' || die "eval and search disagree"

# The same numbers for any number of threads.
wants 0 "$retrieve" eval classes.idx --threads 1
cp out one
wants 0 "$retrieve" eval classes.idx --threads 3
cmp -s out one || die "three threads give other results"

# Tables, and everything that can stand in them.
wants 0 "$retrieve" eval classes.idx --table --per-class --hardest 2 --histogram --false-accepts 0.5
says out "classes.idx: leave-one-out, 6 queries, 2 classes"
says out "recall@1000"
says out "95 % interval"
says out '"Nothing similar" below a score of'
says out "scores of the best relevant"
says out "the hardest queries"
is "$(grep -c '^ant \|^key ' out)" 2
says err "evaluated in"
wants 0 "$retrieve" eval classes.idx --json --per-class --hardest 2 --histogram
is "$(json object per_class hardest histogram/nearest_same histogram/pairs_other | tr '\t' ' ')" "[2] [2] [40] [40]"
wants 0 "$retrieve" eval classes.idx --samples 0 --score-queries 0
is "$(json object metrics/MRR/low threshold | tr '\t' ' ')" "null null"

# Queries from another index: nothing is left out, so each finds itself.
wants 0 "$retrieve" eval classes.idx --query classes.idx --k 1
is "$(json object protocol queries_index metrics/recall@1/value | tr '\t' ' ')" "query-gallery classes.idx 1"
wants 0 "$retrieve" eval classes.idx --predicted
is "$(json object predicted)" true

# The least score is kept, and search answers "nothing similar" by it.
wants 1 "$retrieve" search classes.idx pictures/ant/noto.png --model toy.rtv --min-score index
says err "stores no least score"
wants 0 "$retrieve" eval classes.idx --store-min-score --false-accepts 0
score=$(json object threshold/min_score)
wants 0 "$retrieve" info classes.idx --json
is "$(json object min_score)" "$score"
wants 0 "$retrieve" search classes.idx pictures/ant/noto.png --model toy.rtv --min-score index
json lines score | awk -v least="$score" '$1 < least { exit 1 }' || die "a hit below the stored score"
is "$(json lines key | head -1)" pictures/ant/noto.png
wants 0 "$retrieve" search classes.idx "$SOURCE/examples/queries/whale/fluent.png" --model toy.rtv --min-score index
cp out stored
wants 0 "$retrieve" search classes.idx "$SOURCE/examples/queries/whale/fluent.png" --model toy.rtv --min-score "$score"
cmp -s out stored || die "the stored score is another"
wants 1 "$retrieve" eval classes.idx --store-min-score --score-queries 0
says err "score_queries"

# A quantized model that has seen the pictures before.
wants 0 "$retrieve" quantize toy.rtv pictures/ant -o int8.rtv
wants 0 "$retrieve" index pictures -o int8.idx --model int8.rtv --class-from-folder
wants 0 "$retrieve" eval int8.idx --model int8.rtv
says err "int8.rtv was calibrated with 3 of the 6 pictures"
is "$(json object calibrated)" 3
mv pictures/key/noto.png away.png
wants 0 "$retrieve" eval int8.idx --model int8.rtv
says err "1 pictures could not be read"
mv away.png pictures/key/noto.png
wants 0 "$retrieve" eval classes.idx --model toy.rtv
lacks err "calibrated with"
is "$(json object calibrated)" 0
wants 1 "$retrieve" eval classes.idx --model int8.rtv
says err "did not make the descriptors"

# A list: its pictures, its classes, its parts.
cat >list.csv <<LIST
split,path,class
gallery,ant/noto.png,insect
gallery,key/noto.png,thing
gallery,key/twemoji.png,thing
query,ant/twemoji.png,insect
query,key/emojione.png,nothing else
train,ant/emojione.png,other
LIST
wants 0 "$retrieve" index ./pictures/ -o gallery.idx --model toy.rtv --list list.csv --format csv --split gallery
says err "3 pictures"
says err "2 classes"
wants 0 "$retrieve" index pictures -o query.idx --model toy.rtv --list list.csv --format csv --split query
wants 0 "$retrieve" eval gallery.idx -q query.idx --per-class
is "$(json object gallery queries answerable per_class | tr '\t' ' ')" "3 2 1 [2]"
wants 0 "$retrieve" eval gallery.idx -q query.idx --table --per-class --hardest 5
says out "1 have nothing to find"
says out "nothing else"
says out "pictures/ant/twemoji.png"
wants 0 "$retrieve" search gallery.idx pictures/ant/noto.png --model toy.rtv -k 1
is "$(json lines key class)" "pictures/ant/noto.png	insect"
wants 0 "$retrieve" index pictures -o all.idx --model toy.rtv --list list.csv --format csv
says err "6 pictures"
echo "train,nowhere.png,insect" >>list.csv
wants 3 "$retrieve" index pictures -o part.idx --model toy.rtv --list list.csv --format csv
says err "pictures/nowhere.png"

# What cannot be.
wants 1 "$retrieve" index pictures -o no.idx --model toy.rtv --list list.csv --format sop
says err 'list.csv, line 1: got "split,path,class", expected the header "image_id class_id super_class_id path"'
wants 1 "$retrieve" index pictures -o no.idx --model toy.rtv --list nowhere.csv --format csv
says err "nowhere.csv"
wants 2 "$retrieve" index pictures -o no.idx --model toy.rtv --list list.csv
wants 2 "$retrieve" index pictures -o no.idx --model toy.rtv --format csv
wants 2 "$retrieve" index pictures -o no.idx --model toy.rtv --split test
wants 2 "$retrieve" index pictures -o no.idx --model toy.rtv --list list.csv --format xml
says err "expected one of sop, cub, cars, inshop, csv"
wants 2 "$retrieve" index pictures -o no.idx --model toy.rtv --list list.csv --format csv --split dev
wants 2 "$retrieve" index pictures -o no.idx --model toy.rtv --list list.csv --format csv --class-from-folder
[ ! -e no.idx ] || die "an index out of nothing"
wants 0 "$retrieve" index pictures -o plain.idx --model toy.rtv
wants 1 "$retrieve" eval plain.idx
says err "no item has a class"
wants 1 "$retrieve" eval classes.idx --query plain.idx
wants 1 "$retrieve" eval nowhere.idx
wants 0 "$retrieve" model convert "$toys/cgd_sg.pth" -o other.rtv --input 40
wants 0 "$retrieve" index pictures -o other.idx --model other.rtv --class-from-folder
wants 1 "$retrieve" eval classes.idx --query other.idx
says err "RTV_ACCEPT_ANY"
wants 0 "$retrieve" eval classes.idx --query other.idx --allow-foreign
for ks in 0 5,5 5,1 1, ,1 x 1x 1,,2 -1; do
    wants 2 "$retrieve" eval classes.idx "--k=$ks"
    says err "expected up to 64 ascending numbers"
done
wants 2 "$retrieve" eval classes.idx --false-accepts 1.5
wants 2 "$retrieve" eval classes.idx --hardest -1
wants 2 "$retrieve" eval classes.idx --json --table
tidy
