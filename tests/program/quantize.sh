# quantize.sh - retrieve quantize: options, settings, statistics, and what the new model is.
. "$(dirname "$0")/support.sh"
make_toy
make_pictures
gallery=$SOURCE/examples/gallery
fingerprint() {
    wants 0 "$retrieve" model info "$1" --json
    json object fingerprint
}

# The main way.
wants 0 "$retrieve" quantize toy.rtv pictures -o int8.rtv --threads 2
silent err
says out "in int8"
says out "gave way to the pair-sum rule"
parent=$(fingerprint toy.rtv)
says out "$parent"
wants 0 "$retrieve" model info int8.rtv
says out "quantized from"
wants 0 "$retrieve" model info int8.rtv --json
is "$(json object parent)" "$parent"
tidy

# The same again, on another number of threads, as JSON.
wants 0 "$retrieve" quantize toy.rtv pictures -o again.rtv --threads 1 --json
is "$(json object fingerprint)" "$(fingerprint int8.rtv)"
cmp int8.rtv again.rtv || die "two quantizations differ"

# Every option changes something; layers are listed.
for change in "--samples 3" "--preset performance" "--estimator min_max" "--weights pair_safe" "--bias none" "--ignore conv1,op:linear" \
    "--ignore regex:layer[1,9].*,conv1" "--ignore conv1..layer1.0.conv3" --drop-classes; do
    # shellcheck disable=SC2086 # an option with its value
    wants 0 "$retrieve" quantize toy.rtv pictures -o other.rtv $change
    [ "$(fingerprint other.rtv)" != "$(fingerprint int8.rtv)" ] || die "$change changes nothing"
done
wants 0 "$retrieve" quantize toy.rtv pictures -o other.rtv --ignore conv1 --layers
says out "ignored: name conv1"
says out "weights and input are codes"

# Settings from a file, which the command line overrules.
echo '{"weights": "nearest", "ignored": [{"op": "linear"}]}' >settings.json
wants 0 "$retrieve" quantize toy.rtv pictures -o file.rtv --config settings.json
wants 0 "$retrieve" quantize toy.rtv pictures -o line.rtv --weights nearest --ignore op:linear
cmp file.rtv line.rtv || die "settings in a file are not those of the command line"
wants 0 "$retrieve" quantize toy.rtv pictures -o file.rtv --config settings.json --weights pair_safe
wants 0 "$retrieve" quantize toy.rtv pictures -o line.rtv --weights pair_safe --ignore op:linear
cmp file.rtv line.rtv || die "the command line does not overrule the file"

# Statistics once, models often.
wants 0 "$retrieve" quantize toy.rtv pictures -o first.rtv --save-statistics statistics
cmp int8.rtv first.rtv || die "saving statistics changes the model"
wants 0 "$retrieve" quantize toy.rtv pictures -o second.rtv --statistics statistics
cmp int8.rtv second.rtv || die "statistics give another model than their pictures"
wants 3 "$retrieve" quantize toy.rtv pictures "$gallery/key/blob.png" -o second.rtv --statistics statistics --samples 400
says err "blob.png"
says err "expected one that the statistics are of"

# Accuracy control: nothing to do; layers that go back, as reported; and the reasons stand in the model.
for class in ant anchor ambulance bird boar bomb; do mkdir -p labelled/$class && cp "$gallery/$class"/*.png labelled/$class/; done
wants 0 "$retrieve" quantize toy.rtv pictures -o within.rtv --accuracy-control labelled --max-drop 100 --threads 1
says out "all in int8"
lacks out "to float32"
cmp int8.rtv within.rtv || die "accuracy control changes a model that is good enough"
wants 0 "$retrieve" quantize toy.rtv pictures -o within.rtv --weights half_range --accuracy-control labelled --max-drop -101 --threads 1 --json
[ "$(json object accuracy)" != "[2]" ] || die "no layer went back" # such a rise is not to be had: all of them are tried
wants 0 "$retrieve" model info within.rtv --layers --threads 1
says out "int8: 0 of"
says out "accuracy control"
wants 2 "$retrieve" quantize toy.rtv pictures -o other.rtv --max-drop 1
says err "--max-drop goes with --accuracy-control"
wants 1 "$retrieve" quantize toy.rtv pictures -o other.rtv --accuracy-control nowhere
wants 0 "$retrieve" compare toy.rtv int8.rtv pictures labelled --threads 1 --layers 2
says err "were used to calibrate a model here"
says out "qconv"
says out " dB"

# What the layers' codes stand for, and why they run in what they do.
wants 0 "$retrieve" model info int8.rtv --layers --threads 1
says out "zero point"
says out "weights and input are codes"
says out "only the class scores need it"
wants 0 "$retrieve" bench --model toy.rtv --against int8.rtv --runs 1 --latency --threads 1
says out "GMAC/s B"

# An index of the float32 model, searched in int8.
wants 0 "$retrieve" index pictures -o float.idx --model toy.rtv
wants 1 "$retrieve" search float.idx pictures/ant/noto.png --model int8.rtv
says err "RTV_ACCEPT_PARENTS"
wants 0 "$retrieve" search float.idx pictures/ant/noto.png --model int8.rtv --allow-parent -k 1 --json
says out "pictures/ant/noto.png"

# A picture that cannot be read is named and left out.
echo nothing >pictures/ant/broken.png
wants 3 "$retrieve" quantize toy.rtv pictures -o other.rtv
says err "pictures/ant/broken.png"

# Errors.
wants 2 "$retrieve" quantize toy.rtv pictures
says err "-o OUT is missing"
wants 2 "$retrieve" quantize toy.rtv pictures -o x.rtv --weights rough
says err "rough"
wants 2 "$retrieve" quantize toy.rtv pictures -o x.rtv --statistics a --save-statistics b
wants 1 "$retrieve" quantize toy.rtv pictures -o x.rtv --ignore nobody
says err 'got name "nobody", which matches nothing'
echo '{"weight": 1}' >settings.json
wants 1 "$retrieve" quantize toy.rtv pictures -o x.rtv --config settings.json
says err 'settings.json: quantizer: settings: "weight": got 1, expected no such member'
echo 'nothing' >settings.json
wants 1 "$retrieve" quantize toy.rtv pictures -o x.rtv --config settings.json
says err "got no JSON"
wants 1 "$retrieve" quantize toy.rtv pictures -o x.rtv --config nowhere.json
says err "nowhere.json: cannot read settings"
wants 1 "$retrieve" quantize int8.rtv pictures -o x.rtv
says err "got one that is quantized"
wants 1 "$retrieve" quantize toy.rtv pictures -o x.rtv --statistics settings.json
mkdir empty
wants 1 "$retrieve" quantize toy.rtv empty -o x.rtv
says err "no pictures in empty"
[ ! -e x.rtv ] || die "something was written"
tidy
