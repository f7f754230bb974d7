# default_model.sh - without --model: the model that comes with the program, and what it is good for.
. "$(dirname "$0")/support.sh"
make_pictures

# A copy of the program, alone: it says where it looked. (The installed share folder may hold a model on this machine.)
mkdir -p alone/bin
cp "$retrieve" alone/bin/
if wants_share=$(strings -a alone/bin/retrieve 2>/dev/null | grep '/share/retrieve$' | head -1) && [ -e "$wants_share/models" ]; then
    echo "a model is installed in $wants_share: its absence is not tested"
else
    wants 1 alone/bin/retrieve index pictures -o a.idx
    says err "looked for $PWD/alone/share/retrieve/models/"
    says err "--model"
    mkdir -p alone/share/retrieve/models
    wants 0 "$retrieve" model convert "$toys/cgd_sg.pth" -o alone/share/retrieve/models/cgd-resnet50-sg.safetensors --input 32
    wants 0 alone/bin/retrieve index pictures -o a.idx
    wants 0 alone/bin/retrieve search a.idx pictures/ant/noto.png
    wants 0 alone/bin/retrieve model info
fi

if [ ! -e "$SOURCE/examples/models/cgd-resnet50-sg.safetensors" ]; then
    echo "skipped: examples/models has no model yet"
    exit 77
fi
# The real one, in the build folder's share: drawings of ants and keys that it has never seen.
wants 0 "$retrieve" index pictures -o real.idx --class-from-folder
wants 0 "$retrieve" search real.idx "$SOURCE/examples/queries/ant" "$SOURCE/examples/queries/key" -k 3 --class-from-folder
says err "recall@1"
grep '"summary"' out >summary
is "$("$JSON_CHECK" object summary/queries summary/recall@3 <summary)" "2	1"
