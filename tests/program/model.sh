# model.sh - retrieve model convert and retrieve model info.
. "$(dirname "$0")/support.sh"

# What is not said is assumed and told; what is said is not.
wants 0 "$retrieve" model convert "$toys/cgd_sg.pth" -o toy.rtv --input 32
says err "assumed:"
says err "--descriptors"
says err "--layer3-stride"
says err "--resize"
lacks err "--input"
says out "descriptors SG, 12 dimensions"
says out "32x32"
wants 0 "$retrieve" model convert "$toys/cgd_sg.pth" -o said.rtv --descriptors SG --input 32x32 --layer3-stride 1 --resize squash
lacks err "--descriptors"
lacks err "--resize"
cmp -s toy.rtv said.rtv || die "saying the defaults changes the model"

# The same weights from three containers are one model; its fingerprint knows weights, preprocessing and precision.
fingerprint() {
    wants 0 "$retrieve" model info "$1" --json
    json object fingerprint
}
first=$(fingerprint toy.rtv)
is ${#first} 64
wants 0 "$retrieve" model convert "$toys/cgd_sg.legacy.pth" -o legacy.rtv --input 32
is "$(fingerprint legacy.rtv)" "$first"
for change in "--input 40x32" "--resize crop" "--resize letterbox" --exif --fast-decode --half; do
    # shellcheck disable=SC2086 # an option with its value
    wants 0 "$retrieve" model convert "$toys/cgd_sg.pth" -o other.rtv --input 32 $change
    [ "$(fingerprint other.rtv)" != "$first" ] || die "$change does not change the fingerprint"
done
[ "$(wc -c <other.rtv)" -lt "$(wc -c <toy.rtv)" ] || die "--half does not make it smaller"

# A wide input is width x height.
wants 0 "$retrieve" model convert "$toys/cgd_sg.pth" -o wide.rtv --input 64x32
wants 0 "$retrieve" model info wide.rtv --json
is "$(json object input_width input_height)" "64	32"

# Class names, the model's name.
printf 'red\ngreen\r\nblue\nblack\nwhite\n' >names
wants 0 "$retrieve" model convert "$toys/cgd_sg.pth" -o named.rtv --input 32 --class-names names --name "Toy of five"
says out "Toy of five"
wants 0 "$retrieve" embed "$SOURCE/examples/gallery/ant/noto.png" --model named.rtv
is "$(json lines class | grep -cxE 'red|green|blue|black|white')" 1
printf 'red\ngreen\n' >names
wants 1 "$retrieve" model convert "$toys/cgd_sg.pth" -o bad.rtv --input 32 --class-names names
wants 1 "$retrieve" model convert "$toys/cgd_sg.pth" -o bad.rtv --input 32 --class-names nowhere
says err "nowhere: No such file or directory"

# Classifiers.
wants 0 "$retrieve" model convert "$toys/classifier_basic.legacy.pth" -o classifier.rtv --input 32
says err "--layer3-stride"
lacks err "--descriptors"

# info.
wants 0 "$retrieve" model info toy.rtv
says out "fingerprint"
says out "memory"
says out "resident above the bare process"
says out "$first"
silent err
wants 0 "$retrieve" model info toy.rtv --layers
says out "kernel"
says out "precision"
layers=$(sed '1,/^layer /d' out | wc -l)
wants 0 "$retrieve" model info toy.rtv --json
json object name architecture descriptors dimensions classes input_width input_height preprocessing parameters macs weights_bytes \
    resident_bytes activation_bytes process_bytes executor fingerprint >/dev/null
wants 0 "$retrieve" model info toy.rtv --layers --json
is "$(json object layers)" "[$((layers - 1))]" # the table ends with a sum
wants 0 "$retrieve" model info toy.rtv --profile 2
says out " ms"

# Errors: named, nothing written.
wants 1 "$retrieve" model info nowhere.rtv
says err "nowhere.rtv"
wants 1 "$retrieve" model convert nowhere.pth -o bad.rtv
says err "nowhere.pth"
wants 1 "$retrieve" model convert "$toys/cgd_sg.pth" -o bad.rtv --input 32 --descriptors SMG
says err "main_modules"
head -c 1000 "$toys/cgd_sg.pth" >cut.pth
wants 1 "$retrieve" model convert cut.pth -o bad.rtv --input 32
says err "cut.pth"
head -c 5000 toy.rtv >cut.rtv
wants 1 "$retrieve" model info cut.rtv
says err "cut.rtv"
wants 1 "$retrieve" model convert "$toys/cgd_sg.pth" -o nowhere/bad.rtv --input 32
says err "nowhere/bad.rtv: cannot write: No such file or directory"
wants 1 "$retrieve" model convert "$toys/cgd_sg.pth" -o . --input 32
says err "Is a directory"
wants 1 "$retrieve" model convert "$toys/cgd_sg.pth" -o /dev/null --input 32
says err "no regular file"
[ ! -e bad.rtv ] || die "a model was written after an error"
tidy
