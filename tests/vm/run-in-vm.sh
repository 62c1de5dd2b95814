#!/bin/bash
# Tries nsinit in virtual machines: cgroup v2, v1 and hybrid, AppArmor, other kernels. See README.md.
#
#   tests/vm/run-in-vm.sh [BUILD]     BUILD: a meson build directory of this repository; default: build
#
# VM_RUN names the vm-run program, VM_RUN_CACHE where it keeps kernels, KERNELS the kernels (as for vm-run --kernel),
# UNITS=0 leaves the unit tests out. The status is 0 when every machine said so.
set -u
here=$(dirname "$(realpath "$0")")
build=$(realpath "${1:-$here/../../build}")
vm_run=${VM_RUN:-$here/../../../shared/vm/vm-run}
export VM_RUN_CACHE=${VM_RUN_CACHE:-/var/tmp/vm-cache}
nsinit=$build/nsinit/nsinit
failed=0

[ -x "$vm_run" ] || { echo "run-in-vm: no $vm_run: set VM_RUN" >&2; exit 125; }
[ -x "$nsinit" ] || { echo "run-in-vm: no $nsinit: build it first" >&2; exit 125; }
type -p apparmor_parser setpriv ip script pgrep >/dev/null || { echo "run-in-vm: needs apparmor util-linux iproute2 procps" >&2; exit 125; }
units=
[ "${UNITS:-1}" = 0 ] || for t in test_cgroups_kernel test_path; do [ ! -x "$build/tests/$t" ] || units+=" $build/tests/$t"; done

more=()
machine() { # layout, kernel, suites
    local layout=$1 kernel=$2 status; shift 2
    echo "== cgroup $layout, $kernel: $*"
    # The guest's /tmp is empty, so a build below /tmp is shared by name.
    "$vm_run" --timeout 1200 --cgroup "$layout" --kernel "$kernel" --share "$build" --share "$here" "${more[@]}" -e UNITS="$units" -- \
        bash "$here/guest.sh" "$nsinit" "$@"
    status=$?
    [ $status = 0 ] || { failed=$((failed + 1)); echo "== status $status"; }
}

for kernel in ${KERNELS:-linux-image-amd64}; do
    machine v2 "$kernel" units kernel cgroups user apparmor
    machine hybrid "$kernel" units cgroups
    machine v1 "$kernel" units cgroups
done
more=(--lsm none --append "cgroup_disable=memory"); machine v2 linux-image-amd64 refusals
more=(--lsm none --append "swapaccount=0"); machine v1 linux-image-amd64 refusals
"$here/initramfs.sh" "$nsinit" || failed=$((failed + 1))
echo "machines that failed: $failed"
[ $failed = 0 ]
