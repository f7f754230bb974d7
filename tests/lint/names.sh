# names.sh - one file name in the whole tree, and a first line that says what the file is for.
set -eu
status=0
sources=$(ls lib/*/*.[ch] src/*.[ch] include/retrieve/*.h* tests/*/*.[ch]* examples/*.[ch]* benchmarks/*.[ch] bindings/go/*.[ch] 2>/dev/null || true)

twice=$(for file in $sources; do basename "$file"; done | grep -v '^retrieve\.' | sort | uniq -d)
if [ -n "$twice" ]; then
    echo "file names that stand twice in the tree: $twice"
    status=1
fi
for file in $sources; do
    name=$(basename "$file")
    case $(head -n 1 "$file") in
    "/* $name - "*) ;;
    *)
        echo "$file: the first line is not \"/* $name - purpose.\""
        status=1
        ;;
    esac
done
exit $status
