# Runs inside the virtual machine (bash, root): whole.sh BUILD [PYTEST-ARGUMENT...]: whole-program tests on this machine's kernel.
# Its root is an overlay, on which nothing can be stacked and no ids be mapped, so the tests' files are on the disk, if
# there is one (vm-run --disk). VM_WORKERS=N: so many runs of pytest beside each other, a file of tests each, the slow and the largest
# first; every run has namespaces and groups of its own.
set -u
build=$1; shift
top=$(dirname "$(dirname "$(dirname "$(realpath "$0")")")")
files=/var/tmp/libcontainer-tests
modules=("${VM_RUN_CACHE:-/var/tmp/vm-cache}"/kernels/*/lib/modules/"$(uname -r)")
[ ! -d "${modules[0]}" ] || modprobe -d "${modules[0]%/lib/modules/*}" loop || echo "whole.sh: no loop devices"
if mountpoint -q /scratch; then
    mkdir -p "$files" /scratch/files
    if [ -d "$files/debian-bookworm" ]; then
        mkdir -p /scratch/files/debian-bookworm
        mount --bind "$files/debian-bookworm" /scratch/files/debian-bookworm
    fi
    mount --rbind /scratch/files "$files"
fi
. "${0%/*}/steady.sh"
cd "$top" || exit 125
export PYTHONDONTWRITEBYTECODE=1 LC_PATIENCE="${LC_PATIENCE:-4}" LC_STRESS="${LC_STRESS:-0.1}"
export NSINIT=$build/nsinit/nsinit RT=$build/nsrun/nsrun
run=(/usr/bin/python3 -m pytest -rsf --tb=short)
[ "${VM_WORKERS:-1}" -gt 1 ] || exec "${run[@]}" -q "$@"

given=() options=()
for word; do if [ -e "$word" ]; then given+=("$word"); else options+=("$word"); fi; done
one() { # FILE COMMAND...: no worker's lines in the middle of another's
    local name=${1##*/test_} status; shift
    "$@" 2>&1 | while IFS= read -r line; do echo "[${name%.py}] $line"; done
    status=${PIPESTATUS[0]}
    [ "$status" = 0 ] || [ "$status" = 5 ] # 5: the options leave none of this file
}
export -f one
mapfile -t suites < <(find "${given[@]}" -name 'test_*.py' -printf '%s %p\n' | sort -rn | cut -d' ' -f2-)
slow='^pytestmark = .*mark\.slow'
{ grep -l "$slow" "${suites[@]}"; grep -L "$slow" "${suites[@]}"; } |
    xargs -P "$VM_WORKERS" -I{} bash -c 'one "$@"' one {} "${run[@]}" -v {} "${options[@]}"
