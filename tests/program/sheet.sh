# sheet.sh - retrieve search --html.
. "$(dirname "$0")/support.sh"
make_toy
make_pictures
wants 0 "$retrieve" index pictures -o classes.idx --model toy.rtv --class-from-folder
count() { grep -o "$1" "$2" | wc -l; }

wants 0 "$retrieve" search classes.idx pictures/ant/noto.png pictures/key/noto.png --model toy.rtv --class-from-folder -k 6 --html sheet.html
says err "contact sheet: sheet.html"
is "$(count '<section' sheet.html)" 2
is "$(count '<li class="same">' sheet.html)" 6
is "$(count '<li class="other">' sheet.html)" 6
is "$(count 'data:image/png;base64,' sheet.html)" 6 # each picture once, though shown more than once
lacks sheet.html "file://"
says sheet.html "Recall@6"
# What is embedded is the file.
number=$(grep -o 'p p[0-9]*" role="img" aria-label="pictures/ant/noto.png"' sheet.html | head -1 | sed 's/^p p\([0-9]*\).*/\1/')
sed -n "s/^\.p$number{background-image:url(data:image\/png;base64,\(.*\))}\$/\1/p" sheet.html | base64 -d | cmp -s - pictures/ant/noto.png ||
    die "the embedded picture is not the file"

# Without classes: gray frames, no recall.
wants 0 "$retrieve" search classes.idx pictures/ant/noto.png --model toy.rtv -k 3 --html gray.html
is "$(count '<li class="none">' gray.html)" 3
lacks gray.html "Recall"
wants 0 "$retrieve" search classes.idx pictures/ant/noto.png --model toy.rtv --min-score 2 --html none.html
says none.html "Nothing similar enough."

# From another folder the pictures are found with --root; without it the sheet says that they are not.
mkdir elsewhere
cd elsewhere || exit 1
wants 0 "$retrieve" search ../classes.idx ../pictures/ant/noto.png --model ../toy.rtv --html lost.html
is "$(count 'data:image' lost.html)" 1
is "$(count '"p lost"' lost.html)" 6
wants 0 "$retrieve" search ../classes.idx ../pictures/ant/noto.png --model ../toy.rtv --html found.html --root ..
lacks found.html '"p lost"'
cd ..

# A large picture is linked; names cannot break out of the page.
mkdir 'odd & <b>"x"'
cp pictures/ant/noto.png 'odd & <b>"x"/a%b.png'
head -c 2000000 /dev/zero >>'odd & <b>"x"/a%b.png'
wants 0 "$retrieve" search classes.idx 'odd & <b>"x"/a%b.png' --model toy.rtv --class-from-folder --html odd.html
lacks odd.html '<b>"x"'
says odd.html 'odd &amp; &lt;b&gt;&quot;x&quot;'
says odd.html '/odd%20%26%20%3Cb%3E%22x%22/a%25b.png'

# Unwritable: named, nothing left, the old sheet stays.
cp sheet.html kept
wants 1 "$retrieve" search classes.idx pictures --model toy.rtv --html nowhere/sheet.html
says err "nowhere/sheet.html: cannot write: No such file or directory"
wants 1 "$retrieve" search classes.idx pictures --model toy.rtv --html /dev/full
says err "/dev/full: cannot write: No space left on device"
cmp -s sheet.html kept || die "the old sheet changed"
tidy
