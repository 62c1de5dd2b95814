# Sourced inside the virtual machine. The first group with a cpuset, and the first with a quota, make the kernel rewrite its own
# code, and so does the last one that goes. The emulator, with two processors, does not always notice in time: Linux 6.12 panicked
# in __alloc_pages. So one such group stays.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    echo "+cpuset +cpu" > /sys/fs/cgroup/cgroup.subtree_control && mkdir /sys/fs/cgroup/stays &&
        echo 50000 > /sys/fs/cgroup/stays/cpu.max || exit 125
fi
