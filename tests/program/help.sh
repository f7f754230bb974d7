# help.sh - help, version, and wrong command lines.
. "$(dirname "$0")/support.sh"

wants 0 "$retrieve" --help
says out "Usage: retrieve COMMAND"
says out "Exit codes:"
silent err
cp out overview
wants 0 "$retrieve" help
cmp -s out overview || die "help is not --help"
wants 2 "$retrieve"
silent out
says err "Usage: retrieve COMMAND"

for command in index search eval info import export verify compact remove reduce embed bench compare quantize "model convert" "model info"; do
    says overview "  $command "
    # shellcheck disable=SC2086 # two words
    wants 0 "$retrieve" $command --help
    says out "Usage: retrieve $command "
    says out "Example:"
    says out "-h, --help"
    silent err
    sed '/^Example:/,$d' out | awk 'length > 80 { bad = 1 } END { exit bad }' || die "lines of more than 80 columns"
    cp out text
    # shellcheck disable=SC2086
    wants 0 "$retrieve" help $command
    cmp -s out text || die "help $command is not $command --help"
    # shellcheck disable=SC2086
    wants 2 "$retrieve" $command --no-such-option
    silent out
    says err "retrieve: $command: unknown or ambiguous option --no-such-option"
    says err "More: retrieve $command --help"
done
wants 0 "$retrieve" model --help
says out "retrieve model convert CHECKPOINT"
says out "retrieve model info [MODEL]"

wants 0 "$retrieve" --version
says out "retrieve $(sed -n 's/^#define RTV_VERSION_MAJOR //p' "$SOURCE/include/retrieve/version.h")."
says out "int8"
silent err

wants 2 "$retrieve" serch
says err 'unknown command "serch"; did you mean "search"'
wants 2 "$retrieve" model covnert
says err 'did you mean "model convert"?'
wants 2 "$retrieve" help nothing
wants 2 "$retrieve" search index.rtvx
says err "an argument is missing"
wants 2 "$retrieve" search index.rtvx a.png -k
says err "--top needs N"
wants 2 "$retrieve" search index.rtvx a.png -k 0
says err '--top: got "0", expected a whole number from 1 to'
wants 2 "$retrieve" search index.rtvx a.png -k 5x
wants 2 "$retrieve" search index.rtvx a.png --min-score much
says err '--min-score: got "much", expected a number'
wants 2 "$retrieve" search index.rtvx a.png --json=yes
says err "--json takes no value"
wants 2 "$retrieve" search index.rtvx a.png --json --table
wants 2 "$retrieve" search index.rtvx a.png -Q
says err "unknown option -Q"
wants 2 "$retrieve" index pictures
says err "-o INDEX is missing"
wants 2 "$retrieve" index pictures more -o index.rtvx
says err 'surplus argument "more"'
wants 2 "$retrieve" index . -o index.rtvx --threads 0
says err '--threads: got "0"'
wants 2 "$retrieve" model convert weights.pth -o m.rtv --input 3x
says err "expected a size like 224 or 320x240"
wants 2 "$retrieve" model convert weights.pth -o m.rtv --input 0
wants 2 "$retrieve" model convert weights.pth -o m.rtv --resize stretch
says err "expected one of squash, crop, letterbox"
wants 2 "$retrieve" model convert weights.pth -o m.rtv --layer3-stride 3
