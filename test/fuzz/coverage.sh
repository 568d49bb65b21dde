#!/bin/sh
# Which lines the corpora reach: runs the given programs (build/…/corpus_<target>, made with clang's coverage)
# over their corpora, and over what the fuzzer has learned under $FOUND/<target>, and prints a table by file.
set -eu
programs=$*
folder=$(dirname "$1")
objects=
for program in $programs; do
    name=$(basename "$program")
    name=${name#corpus_}
    LLVM_PROFILE_FILE=$folder/$name.profraw "$program" >/dev/null 2>&1
    if [ -d "$FOUND/$name" ]; then
        LLVM_PROFILE_FILE=$folder/$name.found.profraw "$program" "$FOUND/$name" >/dev/null 2>&1
    fi
    objects="$objects ${objects:+-object} $program"
done
llvm-profdata merge -sparse -o "$folder/all.profdata" "$folder"/*.profraw
llvm-cov report -instr-profile="$folder/all.profdata" $objects |
    awk '$1 ~ /(protocol|recovery|proxy)\/[a-z0-9_]+\.c$/ && $8 != $9 {
        count = split($1, part, "/")
        file = part[count - 1] "/" part[count]
        printf "%-34s %5d lines %8s %6d regions %8s\n", file, $8, $10, $2, $4
        lines[part[count - 1]] += $8
        missed[part[count - 1]] += $9
    }
    END {
        for (layer in lines)
            printf "%-34s %5d lines %7.2f%%\n", layer, lines[layer], 100 - 100 * missed[layer] / lines[layer]
    }'
