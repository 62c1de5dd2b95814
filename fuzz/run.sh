#!/bin/sh
# Builds every fuzzer with clang and runs each: fuzz/run.sh [SECONDS [NAME...]]. Work goes to $FUZZ_DIR (/tmp/lc-fuzz).
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- config oci wire passwd record
out=${FUZZ_DIR:-/tmp/lc-fuzz}
status=0

sources()
{
    case $1 in
    config) echo src/config/*.c src/base/*.c ;;
    oci) echo src/oci/*.c src/config/*.c src/base/*.c ;;
    wire) echo src/wire/*.c ;;
    passwd) echo src/init/passwd.c ;;
    record) echo src/container/record.c src/cgroups/*.c src/config/*.c src/base/*.c ;;
    esac
}

includes=$(for room in src/*/include; do printf ' -I%s' "$room"; done)
for name; do
    mkdir -p "$out/$name"
    cp -n "fuzz/seeds/$name"/* "$out/$name/"
    # shellcheck disable=SC2046,SC2086
    clang -g -O1 -D_GNU_SOURCE -std=gnu11 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
        -Iinclude $includes "fuzz/fuzz_$name.c" $(sources "$name") -ljansson -lcap -lm -o "$out/fuzz_$name"
    echo "== $name, $seconds s"
    "$out/fuzz_$name" -max_total_time="$seconds" -print_final_stats=1 -timeout=5 -rss_limit_mb=1024 \
        -artifact_prefix="$out/$name-" "$out/$name" 2>"$out/$name.log" || status=1
    grep -E '^(stat::number_of_exec|SUMMARY|==.*ERROR|artifact|Test unit)' "$out/$name.log" || true
done
exit $status
