#!/bin/bash
# Boots a machine whose root is an initramfs, where pivot_root(2) is impossible: initramfs.sh NSINIT [KERNEL-VERSION]
# Uses a kernel that vm-run has unpacked ($VM_RUN_CACHE/boot/VERSION/kernel).
set -u
nsinit=$(realpath "$1")
cache=${VM_RUN_CACHE:-/var/tmp/vm-cache}
kernels=("$cache"/boot/"${2:-}"*/kernel)
[ -e "${kernels[-1]}" ] || { echo "initramfs: no kernel in $cache/boot" >&2; exit 125; }
root=$(mktemp -d /tmp/initramfs.XXXXXX) && trap 'rm -rf "$root" "$root.cpio"' EXIT
mkdir -p "$root"/{bin,proc,sys,dev,tmp,run,c/rootfs/bin,c/rootfs/tmp}
cp "$nsinit" "$root/bin/nsinit"
for d in "$root/bin" "$root/c/rootfs/bin"; do
    cp "$(type -p busybox)" "$d/busybox"
    for a in sh ls cat grep mount umount mkdir chroot sleep tty; do ln -s busybox "$d/$a"; done
done
cat >"$root/init" <<'I'
#!/bin/busybox sh
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev; mkdir -p /dev/pts; mount -t devpts devpts /dev/pts
mount -t cgroup2 cgroup2 /sys/fs/cgroup; echo "+memory +pids" >/sys/fs/cgroup/cgroup.subtree_control
cd /c/rootfs
t() { # name, what must be in the output, keys
    echo "{\"environment\":[\"PATH=/bin\"],$3}" >/c/container.json
    out=$(nsinit --root /c exec /bin/sh -c 'echo inside $$; ls -d /c /init /../c; echo x >/dev/null && echo null' 2>&1)
    case $out in *"$2"*) echo "ok    initramfs: $1" ;; *) echo "FAIL  initramfs: $1: $out" ;; esac
    case $out in *"
/init"*) echo "FAIL  initramfs: $1: sees the host: $out" ;; esac
    [ "$2" = "inside 1" ] || return
    nsinit --root /c exec /bin/sh -c 'sleep 2' & busybox usleep 1000000
    out=$(nsinit --root /c exec /bin/sh -c 'echo joined; ls -d /init' 2>&1); wait
    case $out in joined*"No such file"*) echo "ok    initramfs: $1, a join" ;; *) echo "FAIL  initramfs: $1, a join: $out" ;; esac
}
A='"NEWNS","NEWPID","NEWUTS","NEWIPC","NEWNET"'
t "pivot_root says what to do" "set no_pivot_root" "\"namespaces\":[$A]"
t "no_pivot_root" "inside 1" "\"namespaces\":[$A],\"no_pivot_root\":true"
t "readonly_fs, cgroups" "inside 1" "\"namespaces\":[$A,\"NEWCGROUP\"],\"no_pivot_root\":true,\"readonly_fs\":true,\"cgroups\":{\"memory\":33554432,\"pids_limit\":9}"
t "tty" "inside 1" "\"namespaces\":[$A],\"no_pivot_root\":true,\"tty\":true"
t "NEWUSER" "inside 1" "\"namespaces\":[$A,\"NEWUSER\"],\"no_pivot_root\":true"
[ -z "$(busybox find /sys/fs/cgroup -mindepth 1 -type d)$(ls /run/nsinit)" ] && echo "ok    initramfs: nothing left" || echo "FAIL  initramfs: left behind"
echo done; busybox poweroff -f
I
chmod 755 "$root/init"
(cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) >"$root.cpio"
out=$(timeout 180 qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot -M q35 -m 512 -smp 1 -accel tcg -cpu max,la57=off \
    -kernel "${kernels[-1]}" -initrd "$root.cpio" -serial stdio </dev/null -append "console=ttyS0 panic=-1 loglevel=3 \
    mitigations=off cgroup_no_v1=all nokaslr no_timer_check tsc=reliable random.trust_cpu=1" 2>&1 | tr -d '\r')
grep -E '^(ok|FAIL)' <<<"$out"
[[ $out == *$'\ndone'* && $out != *FAIL* ]] || { echo "$out" | tail -n 20; exit 1; }
