#!/bin/sh
# Runs test programs and sums up: test/run.sh PROGRAM… One line per program, the whole output of those that fail, and
# last `N passed, N failed`. Exits 1 if any failed. JOBS=2 runs so many at a time (default 1); UNIT_TMPDIR is where unit
# tests put their files, UNIT_UNDER what they run under (valgrind …).
#
# Counts are read from Check's sum (`…: Checks: 9, Failures: 1, Errors: 0`) or from a line `N passed, N failed`; a
# program that prints neither counts as one test, and one that ends badly without saying so as one failure more.
#
# Sanitizers write their reports into files, here: a report of any process that the program has started is a failure
# and is shown whole, even if the test was content that the process had ended.
set -u

run_one() {
    program=$1
    out=$2
    began=$(date +%s)
    export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}log_path=$out.report"
    export TSAN_OPTIONS="${TSAN_OPTIONS:+$TSAN_OPTIONS:}log_path=$out.report"
    case $program in
    */unit/*) TMPDIR=${UNIT_TMPDIR:-${TMPDIR:-/tmp}} ${UNIT_UNDER:-} "$program" >"$out.out" 2>&1 ;;
    *) "$program" >"$out.out" 2>&1 ;;
    esac
    code=$?
    seconds=$(($(date +%s) - began))
    counts=$(sed -n -e 's/.*Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1 \2 \3/p' \
        -e 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$out.out" |
        awk 'NF == 3 { passed += $1 - $2 - $3; failed += $2 + $3 } NF == 2 { passed += $1; failed += $2 }
             END { if (NR) print passed, failed }')
    [ -n "$counts" ] || counts=$([ $code = 0 ] && echo "1 0" || echo "0 1")
    passed=${counts% *}
    failed=${counts#* }
    reports=$(find "$(dirname "$out")" -name "$(basename "$out").report.*")
    [ $code = 0 ] && [ -z "$reports" ] || [ "$failed" != 0 ] || failed=1
    if [ "$failed" != 0 ]; then
        echo "=== $program failed (exit code $code)"
        cat "$out.out"
        for report in $reports; do cat "$report"; done
        echo "==="
    fi
    printf '%-44s %4d passed %3d failed %4d s\n' "$program" "$passed" "$failed" "$seconds"
    echo "$passed $failed" >"$out.counts"
}

if [ "${1-}" = --one ]; then
    run_one "$3" "$2/$(echo "$3" | tr / _)"
    exit 0
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/ackgate-run-XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
[ $# = 0 ] || printf '%s\0' "$@" | xargs -0 -n 1 -P "${JOBS:-1}" "$0" --one "$dir"
cat "$dir"/*.counts 2>/dev/null | awk '{ passed += $1; failed += $2; programs++ }
    END { failed += '$#' - programs; printf "%d passed, %d failed\n", passed, failed; exit failed > 0 }'
