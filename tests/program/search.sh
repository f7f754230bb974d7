# search.sh - retrieve search: forms of output, filters, classes, recall.
. "$(dirname "$0")/support.sh"
make_toy
make_pictures
wants 0 "$retrieve" index pictures -o plain.idx --model toy.rtv
wants 0 "$retrieve" index pictures -o classes.idx --model toy.rtv --class-from-folder
query=pictures/ant/noto.png

# JSON lines, one a hit: the picture itself first, with score 1; scores fall.
wants 0 "$retrieve" search plain.idx $query --model toy.rtv
is "$(json lines query rank id key class score | wc -l)" 6
is "$(json lines rank key class | head -1)" "1	$query	null"
json lines score | sort -rg >sorted
json lines score | cmp -s - sorted || die "scores do not fall"
awk 'NR == 1 && ($1 < 0.999999 || $1 > 1.000001) { exit 1 }' sorted || die "the picture's own score is not 1"
says err "1 query among 6 pictures"
wants 0 "$retrieve" search plain.idx $query --model toy.rtv -k 2
is "$(json lines rank | wc -l)" 2

# The table.
wants 0 "$retrieve" search classes.idx $query --model toy.rtv --table -k 3
is "$(grep -c pictures/ out)" 4
says out "1  1.0000  ant  $query"

# The query's own file is left out by what it is, not by its name or rank.
for name in $query "$PWD/$query" ./pictures/../$query; do
    wants 0 "$retrieve" search plain.idx "$name" --model toy.rtv --exclude-self -k 6
    is "$(json lines key | wc -l)" 5
    lacks out "\"$query\",\"class\""
done
cp $query copy.png
wants 0 "$retrieve" search plain.idx copy.png --model toy.rtv --exclude-self -k 1
is "$(json lines key)" $query

# Least score: "nothing similar" is an answer, not an error.
wants 0 "$retrieve" search plain.idx $query --model toy.rtv --min-score 0.9999999 -k 6
is "$(json lines key)" $query
wants 0 "$retrieve" search plain.idx $query --model toy.rtv --min-score 2
silent out
wants 0 "$retrieve" search plain.idx $query --model toy.rtv --min-score 2 --table
says out "nothing similar enough"

# Classes: by name, by what the model predicts, unknown with near names.
wants 0 "$retrieve" search classes.idx $query --model toy.rtv --class key
is "$(json lines class | sort | uniq -c | tr -s ' ')" " 3 key"
wants 1 "$retrieve" search classes.idx $query --model toy.rtv --class keys
says err 'no class "keys"; did you mean "key"?'
wants 0 "$retrieve" search classes.idx $query --model toy.rtv --class predicted
wanted=$("$retrieve" embed $query --model toy.rtv | "$JSON_CHECK" lines class)
for key in $(json lines key); do
    "$retrieve" embed "$key" --model toy.rtv | "$JSON_CHECK" lines class
done | sort -u >predicted
is "$(cat predicted)" "$wanted"

# Recall with classes from folders: a last line in JSON, a line for people.
wants 0 "$retrieve" search classes.idx pictures --model toy.rtv --class-from-folder -k 6
grep -v '"summary"' out >hits
is "$("$JSON_CHECK" lines same_class <hits | sort | uniq -c | tr -s ' ' | tr '\n' ',')" " 18 false, 18 true,"
grep '"summary"' out >summary
is "$("$JSON_CHECK" object summary/queries summary/queries_without_items summary/recall@1 summary/recall@6 <summary)" "6	0	1	1"
says err "recall@1 100.00 %, recall@6 100.00 %, of 6 with a class"
mkdir -p whale
cp "$SOURCE/examples/gallery/whale/noto.png" whale/
wants 0 "$retrieve" search classes.idx whale --model toy.rtv --class-from-folder
grep '"summary"' out >summary
is "$("$JSON_CHECK" object summary/queries summary/queries_without_items summary/recall@10 <summary)" "1	1	0"

# Leave-one-out recall@1 is what the hits say.
wants 0 "$retrieve" search classes.idx pictures --model toy.rtv --class-from-folder --exclude-self -k 1
right=$(grep -c '"same_class":true' out)
grep '"summary"' out >summary
"$JSON_CHECK" object summary/recall@1 <summary | awk -v right="$right" '{ d = $1 - right / 6; exit d > 1e-9 || d < -1e-9 }' || die "recall@1"

# Threads and batches change nothing.
wants 0 "$retrieve" search classes.idx pictures --model toy.rtv --threads 1
cp out one
for threads in 2 3; do
    wants 0 "$retrieve" search classes.idx pictures --model toy.rtv --threads $threads
    cmp -s out one || die "$threads threads give other results"
done
for file in pictures/ant/*.png pictures/key/*.png; do "$retrieve" search classes.idx "$file" --model toy.rtv 2>/dev/null; done >singly
cmp -s singly one || die "one by one gives other results"

# Broken queries are named; the others are answered.
echo "no picture" >broken.png
wants 3 "$retrieve" search plain.idx broken.png $query nowhere.jpg --model toy.rtv -k 1
says err "broken.png"
says err "nowhere.jpg"
is "$(json lines query)" $query

# Another model, another version of it, a damaged index.
wants 0 "$retrieve" model convert "$toys/cgd_sg.pth" -o other.rtv --input 40
wants 1 "$retrieve" search plain.idx $query --model other.rtv
says err "plain.idx"
fingerprint=$("$retrieve" model info other.rtv --json | "$JSON_CHECK" object fingerprint | cut -c 1-8)
says err "$fingerprint"
wants 0 "$retrieve" search plain.idx $query --model other.rtv --allow-foreign
wants 1 "$retrieve" search nowhere.idx $query --model toy.rtv
says err "nowhere.idx"
head -c 200 plain.idx >cut.idx
wants 1 "$retrieve" search cut.idx $query --model toy.rtv
says err "cut.idx"

# A reader that has seen enough ends it quietly.
"$retrieve" search classes.idx pictures --model toy.rtv 2>err | head -1 >out
lines out 1
lacks err "cannot write"
wants 1 sh -c '"$1" search classes.idx pictures --model toy.rtv >/dev/full' sh "$retrieve"
says err "standard output: cannot write: No space left on device"
