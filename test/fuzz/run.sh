#!/bin/sh
# Runs the given fuzz targets for SECONDS each (default 60), from the seeds in test/fuzz/corpus/<name>.
# What the fuzzer learns, and what it finds, goes to $BUILD/fuzz/found/<name>: a finding is a file whose name
# begins with crash-, oom- or timeout-, and `$BUILD/fuzz/<target> FILE` runs it again.
set -eu
seconds=${SECONDS_EACH:-60}
failed=0
for program in "$@"; do
    name=$(basename "$program")
    name=${name#fuzz_}
    found=$(dirname "$program")/found/$name
    mkdir -p "$found"
    echo "fuzz $name, $seconds s"
    seeds=test/fuzz/corpus/$name
    case "$name" in
    binlog | tail) seeds="$seeds test/golden" ;;
    config) seeds="$seeds conf" ;;
    esac
    if ! "$program" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 -print_final_stats=1 \
        -artifact_prefix="$found/" "$found" $seeds >"$found.log" 2>&1; then
        failed=1
        echo "fuzz $name FAILED, see $found.log"
        grep -v '^stat::\|^#' "$found.log" | tail -n 30
    else
        grep 'stat::number_of_executed_units\|^#.*DONE' "$found.log"
    fi
done
exit $failed
