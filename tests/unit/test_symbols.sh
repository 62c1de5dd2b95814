#!/bin/sh
# What the library exports, and what the static child consists of.
# test_symbols.sh LIBRARY HEADER MAP INIT
set -u
library=$1 header=$2 map=$3 init=$4
status=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

fail()
{
    echo "FAIL: $*"
    status=1
}

# ---- one list of names, three places ----
# Definitions end at the first parenthesis; comments are dropped first, because they name functions too.
tr '\n' ' ' <"$header" | sed 's,/\*[^*]*\**\([^/*][^*]*\**\)*/, ,g; s/;/;\n/g' |
    sed -n 's/^.*LC_API .*[ *]\(lc_[a-z0-9_]*\)(.*$/\1/p' | sort >"$work/header"
sed -n 's/^ *\(lc_[a-z0-9_]*\);$/\1/p' "$map" | sort >"$work/map"
[ "$(wc -l <"$work/header")" -ge 20 ] || fail "found only $(wc -l <"$work/header") functions in $header"
[ "$(grep -c LC_API "$header")" -eq $(($(wc -l <"$work/header") + 1)) ] || fail "a LC_API that was not understood"
diff "$work/header" "$work/map" || fail "libcontainer.h (<) and libcontainer.map (>) differ"
nm -D --defined-only "$library" | awk '$2 != "A" { sub("@.*", "", $3); print $3 }' | sort >"$work/library"
diff "$work/header" "$work/library" || fail "libcontainer.h (<) and the library (>) differ"

# ---- the child: no heap, no stdio, no NSS, no dynamic linker ----
nm "$init" | awk '{ print $NF }' >"$work/init"
grep -q '^step_exec$' "$work/init" || fail "$init has no symbols to look at"
if grep -nE '^(_*(libc_)?)?(malloc|calloc|realloc|free|aligned_alloc|memalign|posix_memalign|reallocarray)$' "$work/init" ||
    grep -nE '^_*(libc_)?v?(f|d|s|sn|as|w|fw|sw)?printf(_.*)?$|^v?(warn|err)x?$|^(puts|fputs|fwrite|putchar|perror|scanf)$' \
        "$work/init" ||
    grep -nE '^(f|fd|fre|p)open(64)?$|^fclose$|^dl(open|sym)$|^getaddrinfo$|^gethostby' "$work/init" ||
    grep -nE '^(get|set|end)(pw|gr|sp)(ent|nam|uid|gid)|^initgroups$|^(setlocale|iconv_open|syslog|system)$' "$work/init"; then
    fail "the child contains functions that it must not have"
fi
size=$(wc -c <"$init.stripped")
[ "$size" -lt 131072 ] || fail "the stripped child has $size bytes, 131072 are allowed"
if readelf -l "$init.stripped" | grep -qE 'INTERP|DYNAMIC'; then
    fail "the child is not static"
fi
readelf -S "$init.stripped" | grep -q '\.symtab' && fail "the stripped child has symbols"
readelf -lW "$init.stripped" | grep 'GNU_STACK' | grep -q 'RW ' || fail "the child has an executable stack"

echo "$(wc -l <"$work/header") exported functions, child of $size bytes"
exit $status
