# bench.sh - retrieve bench. How fast is no matter here: what is measured, that the numbers fit together, and what is refused.
. "$(dirname "$0")/support.sh"
make_toy
picture=$SOURCE/examples/gallery/ant/noto.png

# Both modes from a tensor; with a picture, decoding too; one mode if wanted.
wants 0 "$retrieve" bench --model toy.rtv --runs 3
silent err
for text in "one at a time, network" "one a thread, network" "from the file to the first descriptor" "above the bare process" "executor"; do
    says out "$text"
done
lacks out "with decoding"
lacks out "share"
wants 0 "$retrieve" bench "$picture" --model toy.rtv --runs 3 --latency
says out "one at a time, with decoding"
lacks out "one a thread"
wants 0 "$retrieve" bench "$picture" --model toy.rtv --runs 3 --streams
says out "one a thread, with decoding"
lacks out "one at a time"

# The numbers of each row fit together.
wants 0 "$retrieve" bench "$picture" --model toy.rtv --runs 4 --threads 2 --json
is "$(json object threads runs)" "2	4"
json object processor isa model/name model/fingerprint model/executor >/dev/null
for row in latency/network latency/picture streams/network streams/picture; do
    in=model/$row
    json object $in/min_milliseconds $in/median_milliseconds $in/mean_milliseconds $in/max_milliseconds $in/pictures_per_second >row
    awk '!($1 > 0 && $1 <= $2 && $2 <= $4 && $1 <= $3 && $3 <= $4 && $2 * $5 > 999.9 && $2 * $5 < 1000.1) { exit 1 }' row ||
        die "$row: $(cat row)"
done
json object model/load_milliseconds model/process_bytes >row
awk '!($1 > 0 && $2 > 0) { exit 1 }' row || die "loading: $(cat row)"

# The profile: the layers of `model info`, and sums that leave none out.
wants 0 "$retrieve" model info toy.rtv --layers --json
layers=$(json object layers | tr -d '[]')
wants 0 "$retrieve" bench --model toy.rtv --runs 2 --latency --profile
says out "100.0 %"
for head in "^op " "^kernel "; do
    sum=$(sed "1,/$head/d; /^\$/,\$d" out | awk '{ for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+$/) { sum += $i; break } } END { print sum }')
    is "$sum" "$layers"
done
wants 0 "$retrieve" bench --model toy.rtv --runs 2 --latency --profile --json
is "$(json object model/profile/layers)" "[$layers]"
json object model/profile/milliseconds model/profile/ops model/profile/kernels >/dev/null

# Two models, joined: each layer of a model finds itself; what only one of them has stands alone.
wants 0 "$retrieve" bench --model toy.rtv --against toy.rtv --runs 2 --latency --json
is "$(json object layers)" "[$layers]"
json object model/latency/network against/latency/network/ratio >/dev/null
wants 0 "$retrieve" model convert "$toys/cgd_smg.safetensors" -o three.rtv --input 32 --descriptors SMG
wants 0 "$retrieve" bench --model toy.rtv --against three.rtv --runs 2 --latency
says out "A/B"
says out "global_gem_pool / global_max_pool" # branch1.pool
lone() { sed '1,/^layer /d; /^all /,$d' out | sed 's, / [a-z_]*,,' | awk -v column="$1" '$column == "-" { print $1 }' | tr '\n' ' '; }
is "$(lone 3)" "branch2.pool branch2.linear branch2.normalize "
is "$(lone 4)" ""
wants 0 "$retrieve" bench --model three.rtv --against toy.rtv --runs 2 --latency
is "$(lone 3)" ""
is "$(lone 4)" "branch2.pool branch2.linear branch2.normalize "

# Errors.
wants 2 "$retrieve" bench --model toy.rtv --latency --streams
says err "--latency and --streams exclude each other"
wants 2 "$retrieve" bench --model toy.rtv --runs 0
says err '--runs: got "0"'
wants 1 "$retrieve" bench --model nowhere.rtv
says err "nowhere.rtv"
wants 1 "$retrieve" bench --model toy.rtv --against nowhere.rtv
says err "nowhere.rtv"
silent out
lines err 1
wants 1 "$retrieve" bench nowhere.png --model toy.rtv
says err "nowhere.png"
silent out
