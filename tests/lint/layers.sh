# layers.sh - holds the #include lines against the two tables in docs/architecture.md: who may include whom, and who may know a foreign header.
set -eu
{
    sed -n '/<!-- layers -->/,/<!-- end -->/p' docs/architecture.md | sed 's/^/layer /'
    sed -n '/<!-- foreign -->/,/<!-- end -->/p' docs/architecture.md | sed 's/^/foreign /'
    grep -nE '^[[:space:]]*#[[:space:]]*include' lib/*/*.[ch] src/*.[ch] examples/*.[ch] include/retrieve/*.h 2>/dev/null | sed 's/^/include /'
} | awk '
    function complain(text) { print place ": " text; bad = 1 }
    function cells(line) { gsub(/[` ]/, "", line); return split(line, cell, "|") }
    /^layer \| `/ {
        cells(substr($0, 7))
        known[cell[2]] = 1
        n = split(cell[3], list, ",")
        for (i = 1; i <= n; i++) may[cell[2] " " list[i]] = 1
        next
    }
    /^foreign \| `/ {
        cells(substr($0, 9))
        n = split(cell[3], list, ",")
        for (i = 1; i <= n; i++) foreign[cell[2] " " list[i]] = 1
        next
    }
    !/^include / { next }
    {
        sub(/^include /, "")
        split($0, part, ":")
        file = part[1]
        place = part[1] ":" part[2]
        match($0, /[<"][^>"]*[>"]/)
        quote = substr($0, RSTART, 1)
        header = substr($0, RSTART + 1, RLENGTH - 2)
        depth = split(file, folder, "/")
        count++
    }
    header ~ /^retrieve\// {
        if (quote != "<") complain("public header " header " wants <>")
        next
    }
    quote == "<" {
        if (header in standard) next
        if (!allowed_foreign(file, header)) complain("<" header "> is not for this file")
        next
    }
    folder[1] == "include" { complain("a public header includes " header); next }
    folder[1] != "lib" {
        if (header ~ /\//) complain("only public headers here, not " header)
        next
    }
    {
        layer = folder[2]
        split(header, target, "/")
        if (!(layer in known)) complain("the folder " layer " is not in docs/architecture.md")
        else if (!(target[1] in known)) complain("unknown header " header)
        else if (target[1] != layer && !((layer " " target[1]) in may) && !((layer " " header) in may))
            complain("layer " layer " may not include " header)
    }
    function allowed_foreign(file, header,   key, rule, pattern) {
        for (key in foreign) {
            split(key, rule, " ")
            if (rule[1] != header) continue
            pattern = rule[2]
            gsub(/[.]/, "[.]", pattern)
            gsub(/[*]/, "[^/]*", pattern)
            if (file ~ ("^" pattern "$")) return 1
        }
        return 0
    }
    BEGIN {
        n = split("assert ctype errno fcntl fenv float inttypes langinfo limits locale math pthread sched setjmp signal stdarg stdatomic stdbool " \
                  "stddef stdint stdio stdlib string strings time unistd wchar dirent regex getopt termios fnmatch ftw cpuid immintrin arm_neon " \
                  "sys/stat sys/types sys/mman sys/ioctl sys/time sys/resource sys/syscall sys/file sys/auxv sys/wait", name, " ")
        for (i = 1; i <= n; i++) standard[name[i] ".h"] = 1
    }
    END {
        layers = 0
        for (layer in known) layers++
        if (layers < 5) { print "docs/architecture.md: the table of layers was not found"; exit 1 }
        print count " includes of " layers " layers checked"
        exit bad
    }'
