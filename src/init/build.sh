#!/bin/sh
# Builds the static child with musl: build.sh OUTPUT HEADER SOURCE...
# HEADER defines LC_INIT_IMAGE for the library's .incbin.
set -eu
out=$1 header=$2
shift 2
top=$(cd "$(dirname "$0")/../.." && pwd)
# musl's own headers first; the kernel's from the distribution after them. No SSP: its failure path would pull
# in nothing useful without stdio, and every buffer here is bounded by text_copy.
${MUSL_CC:-musl-gcc} -D_GNU_SOURCE -std=gnu11 -Os -Wall -Wextra -Werror -static -fno-pie -no-pie \
    -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero -fno-asynchronous-unwind-tables \
    -ffunction-sections -fdata-sections -Wl,--gc-sections -Wl,-z,relro,-z,now,-z,noexecstack,-z,noseparate-code -Wl,--build-id=none \
    -I"$top/src/init" -I"$top/src/sys/include" -I"$top/src/wire/include" \
    -idirafter /usr/include -idirafter "/usr/include/$(gcc -print-multiarch)" \
    "$@" -o "$out"
strip -o "$out.stripped" "$out"
printf '#define LC_INIT_IMAGE "%s.stripped"\n' "$(realpath "$out")" >"$header"
