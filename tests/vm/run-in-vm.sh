#!/bin/bash
# Tries nsinit and nsrun in virtual machines: every layout of cgroups, AppArmor, systemd, other kernels. See README.md.
#
#   tests/vm/run-in-vm.sh [BUILD] [MACHINE...]   BUILD: a meson build directory of this repository; default: build
#
# A MACHINE is a row of the table below; default: all. VM_SUITE=whole: all of tests/whole in the machines that run pytest, instead
# of what depends on the layout; VM_WORKERS=3: three runs of pytest beside each other; VM_STRESS and VM_PATIENCE: the tests'
# LC_STRESS and LC_PATIENCE. VM_RUN names the vm-run program, VM_RUN_CACHE where it keeps kernels, VM_KERNEL the kernel where a row
# has none of its own, VM_TIMEOUT seconds for a machine. The status is 0 when every machine said so.
set -u
here=$(dirname "$(realpath "$0")")
build=$(realpath "${1:-$here/../../build}")
shift $(($# > 0 ? 1 : 0))
top=$(dirname "$(dirname "$here")")
vm_run=${VM_RUN:-$here/../../../shared/vm/vm-run}
export VM_RUN_CACHE=${VM_RUN_CACHE:-/var/tmp/vm-cache}
nsinit=$build/nsinit/nsinit
default=${VM_KERNEL:-linux-image-amd64} newest=linux-image-6.12-amd64 oldest=5.10.0-46-amd64

die() { echo "run-in-vm: $*" >&2; exit 125; }
[ -x "$vm_run" ] || die "no $vm_run: set VM_RUN"
[ -x "$nsinit" ] || die "no $nsinit: build it first"
type -p qemu-system-x86_64 >/dev/null || die "needs qemu-system-x86"
type -p apparmor_parser setpriv ip script pgrep >/dev/null || die "needs apparmor util-linux iproute2 procps"
units=
for t in test_cgroups_kernel test_cgroups_oci test_cgroups_update test_path test_seccomp; do [ ! -x "$build/tests/$t" ] || units+=" $build/tests/$t"; done

# What depends on how the host has its control groups; all of the rest does not care.
layout_tests=()
for name in cgroups limits limit_keys lifecycle signals check check_state oci_lifecycle oci_linux oci_devices oci_rootless; do
    layout_tests+=("$top/tests/whole/test_$name.py")
done
[ "${VM_SUITE:-layout}" != whole ] || layout_tests=("$top/tests/whole")

# The guest's /tmp is empty, so a build below /tmp is shared by name.
vm() { # layout, kernel, more options of vm-run, --, command
    local layout=$1 kernel=$2; shift 2
    "$vm_run" --timeout "${VM_TIMEOUT:-3500}" --cgroup "$layout" --kernel "$kernel" --share "$build" --share "$top" "$@"
}
guest() { vm "$1" "$2" "${more[@]}" -e UNITS="$units" -- bash "$here/guest.sh" "$nsinit" "${@:3}"; }
whole() {
    vm "$1" "$2" --mem 3072 --disk 3G -e VM_RUN_CACHE="$VM_RUN_CACHE" -e VM_WORKERS -e LC_PATIENCE="${VM_PATIENCE:-}" \
        -e LC_STRESS="${VM_STRESS:-}" -- bash "$here/whole.sh" "$build" "${layout_tests[@]}"
}
# With the 32-bit system calls that not every machine has.
smoke() {
    layout_tests=("$top"/tests/whole/test_{cgroups,limit_keys}.py -m "not slow")
    whole "$@" && vm "$1" "$2" -- "$build/tests/test_seccomp"
}
systemd() { vm "$1" "$2" --systemd -- /usr/bin/python3 "$here/systemd.py" "$build"; }
place() { vm "$1" "$2" -- /usr/bin/python3 "$top/bench/place.py" --build "$build" --rounds 20; }
without() { more=(--lsm none --append "$3"); guest "$1" "$2" refusals; }

# Name, and what runs there.
machines=(
    "v2              guest v2 $default units kernel cgroups user apparmor"
    "v1              guest v1 $default units cgroups"
    "hybrid          guest hybrid $default units cgroups"
    "newest          guest v2 $newest units kernel cgroups user apparmor"
    "oldest          guest v2 $oldest units kernel cgroups user"
    "v2-whole        whole v2 $default"
    "v1-whole        whole v1 $default"
    "hybrid-whole    whole hybrid $default"
    "newest-whole    whole v2 $newest"
    "systemd-v2      systemd v2 $default"
    "systemd-v1      systemd v1 $default"
    "systemd-hybrid  systemd hybrid $default"
    "no-memory       without v2 $default cgroup_disable=memory"
    "no-swap         without v1 $default swapaccount=0"
    "bench           place v2 $default"
    "bench-v1        place v1 $default"
    "bench-hybrid    place hybrid $default"
    "initramfs       $here/initramfs.sh $nsinit"
)
# Only when it is asked for: the short one that `make test` runs.
[ "$*" != smoke ] || machines=("smoke smoke v2 $default")

chosen=("$@")
wanted() { # machine
    [ ${#chosen[@]} = 0 ] && return 0
    [[ " ${chosen[*]} " == *" $1 "* ]]
}

results=() failed=0 ran=0
for row in "${machines[@]}"; do
    read -r name words <<<"$row"
    wanted "$name" || continue
    echo "== $name: $words"
    more=() since=$SECONDS
    # shellcheck disable=SC2086  # a row is words
    $words; status=$?
    ran=$((ran + 1))
    [ $status = 0 ] || failed=$((failed + 1))
    results+=("$(printf '%-16s %-6s %4d s' "$name" "$([ $status = 0 ] && echo ok || echo "FAIL $status")" $((SECONDS - since)))")
done
[ $ran -gt 0 ] || die "no machine is called ${chosen[*]}"
printf '%s\n' "${results[@]}"
echo "machines that failed: $failed of $ran"
[ $failed = 0 ]
