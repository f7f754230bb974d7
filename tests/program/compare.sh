# compare.sh - retrieve compare: two models on the same pictures.
. "$(dirname "$0")/support.sh"
make_toy
gallery=$SOURCE/examples/gallery
for class in ant anchor ambulance bird boar bomb; do mkdir -p pictures/$class && cp "$gallery/$class"/*.png pictures/$class/; done
wants 0 "$retrieve" model convert "$toys/cgd_sg.pth" -o other.rtv --input 32 --layer3-stride 2

# A model and itself.
wants 0 "$retrieve" compare toy.rtv toy.rtv pictures --threads 1
silent err
says out "30 compared; 30 queries"
says out "mean 1.0000"
says out "equal"
lacks out "lost "
lacks out "dB"

# Two that differ: the numbers fit together, and every change is listed.
wants 0 "$retrieve" compare toy.rtv other.rtv pictures --threads 1 --recall 1,3 --json
is "$(json object pictures compared queries lone calibrated)" "30	30	30	0	0"
is "$(json object recall)" "[2]"
json object a/name a/file a/fingerprint b/fingerprint cosine/mean cosine/median cosine/percent_5 cosine/percent_1 cosine/min moved changes >/dev/null
is "$(json object layers)" "[$(wants 0 "$retrieve" compare toy.rtv other.rtv pictures --layers 1 --threads 1; grep -c ' dB$\| equal$' out)]"
wants 0 "$retrieve" compare toy.rtv other.rtv pictures --threads 1 --layers 0
lacks out "signal/noise"
says out "gained"
set -- $(sed -n '/^1  /p' out | tr -d '%')
lost=$(grep -c 'png  *lost ' out)
gained=$(grep -c 'png  *gained ' out)
is "$9 ${10}" "$gained $lost"
[ $((gained + lost)) -gt 0 ] || die "nothing changed: the pictures test nothing"
awk -v a="$2" -v b="$3" -v change=$((gained - lost)) 'BEGIN { d = b - a - 100 * change / 30; exit !(d < 0.011 && d > -0.011) }' ||
    die "recall $2 and $3, $gained gained, $lost lost"

# A picture that fails is named and left out; one alone in its class counts as a miss.
mkdir pictures/lone && cp "$gallery/key/noto.png" pictures/lone/
head -c 100 "$gallery/key/noto.png" >pictures/lone/cut.png
wants 3 "$retrieve" compare toy.rtv other.rtv pictures --threads 1 --json
says err "pictures/lone/cut.png"
lines err 1
is "$(json object pictures compared queries lone)" "32	31	31	1"

# Errors.
wants 2 "$retrieve" compare toy.rtv other.rtv
wants 2 "$retrieve" compare toy.rtv other.rtv pictures --recall 1,x
says err '--recall: got "1,x"'
wants 1 "$retrieve" compare toy.rtv other.rtv pictures --recall 4,2
says err "ks[1]: got 2, expected 5..1000"
wants 1 "$retrieve" compare toy.rtv nowhere.rtv pictures
says err "nowhere.rtv"
mkdir empty
wants 1 "$retrieve" compare toy.rtv other.rtv empty
says err "no pictures in empty"
wants 1 "$retrieve" compare toy.rtv other.rtv pictures/lone/cut.png
says err "cut.png"
silent out
