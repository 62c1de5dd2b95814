/* Loads the device program and puts it on a v2 group. */
#include "internal.h"

#include <base/util.h>

#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>

#define PROGRAM_NAME "lc_devices"

static int sys_bpf(int command, union bpf_attr *attr)
{
    long r = syscall(SYS_bpf, command, attr, sizeof(*attr));

    return r < 0 ? -errno : (int)r;
}

static int load(const struct bpf_insn *program, size_t count)
{
    union bpf_attr attr;

    memset(&attr, 0, sizeof(attr));
    attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attr.insns = (uint64_t)(uintptr_t)program;
    attr.insn_cnt = (uint32_t)count;
    attr.license = (uint64_t)(uintptr_t) "none needed: no helper is called";
    memcpy(attr.prog_name, PROGRAM_NAME, sizeof(PROGRAM_NAME));
    return sys_bpf(BPF_PROG_LOAD, &attr);
}

/* `old` (-EBADF: none) gives way in the same moment. Filters of groups above stay in force, and groups below may add
 * theirs. */
static int attach(int group_fd, int program_fd, int old)
{
    union bpf_attr attr;

    memset(&attr, 0, sizeof(attr));
    attr.target_fd = (uint32_t)group_fd;
    attr.attach_bpf_fd = (uint32_t)program_fd;
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = BPF_F_ALLOW_MULTI;
    if (old >= 0) {
        attr.attach_flags |= BPF_F_REPLACE;
        attr.replace_bpf_fd = (uint32_t)old;
    }
    return sys_bpf(BPF_PROG_ATTACH, &attr);
}

static int detach(int group_fd, int program_fd)
{
    union bpf_attr attr;

    memset(&attr, 0, sizeof(attr));
    attr.target_fd = (uint32_t)group_fd;
    attr.attach_bpf_fd = (uint32_t)program_fd;
    attr.attach_type = BPF_CGROUP_DEVICE;
    return sys_bpf(BPF_PROG_DETACH, &attr);
}

/* Is the program with this id one of ours? Returns its descriptor, or -errno. */
static int open_ours(uint32_t id)
{
    struct bpf_prog_info info = { 0 };
    CLEAN_FD int fd = -EBADF;
    union bpf_attr attr;
    int r;

    memset(&attr, 0, sizeof(attr));
    attr.prog_id = id;
    fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &attr);
    if (fd < 0)
        return fd;
    memset(&attr, 0, sizeof(attr));
    attr.info.bpf_fd = (uint32_t)fd;
    attr.info.info_len = sizeof(info);
    attr.info.info = (uint64_t)(uintptr_t)&info;
    r = sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
    if (r < 0)
        return r;
    return strncmp(info.name, PROGRAM_NAME, sizeof(info.name)) == 0 ? fd_take(&fd) : -ENOENT;
}

enum { PROGRAMS_MAX = 64 }; /* the kernel's own limit for one group */

/* A group that was there before may still carry the filters of earlier containers. */
static int find_old(int group_fd, int fds[PROGRAMS_MAX], size_t *ret_count)
{
    uint32_t ids[PROGRAMS_MAX];
    union bpf_attr attr;
    int r;

    memset(&attr, 0, sizeof(attr));
    attr.query.target_fd = (uint32_t)group_fd;
    attr.query.attach_type = BPF_CGROUP_DEVICE;
    attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
    attr.query.prog_cnt = PROGRAMS_MAX;
    *ret_count = 0;
    r = sys_bpf(BPF_PROG_QUERY, &attr);
    for (uint32_t i = 0; r == 0 && i < attr.query.prog_cnt; i++) {
        int fd = open_ours(ids[i]);

        if (fd >= 0)
            fds[(*ret_count)++] = fd;
    }
    return r;
}

/* The new filter (-EBADF: none) takes the place of the old ones; at no moment is there none. As all programs of a group have
 * to agree, both may be in force for a moment. */
static int exchange(int group_fd, int program_fd, bool replace)
{
    int old[PROGRAMS_MAX], r = 0;
    bool attached = program_fd < 0;
    size_t count = 0;

    if (replace)
        r = find_old(group_fd, old, &count);
    if (r == 0 && !attached && count == 1 && attach(group_fd, program_fd, old[0]) == 0) {
        fd_close(&old[0]);
        return 0;
    }
    if (r == 0 && !attached) /* also where the kernel, before 5.6, cannot replace */
        r = attach(group_fd, program_fd, -EBADF);
    for (size_t i = 0; i < count; i++) {
        if (r == 0)
            r = detach(group_fd, old[i]);
        fd_close(&old[i]);
    }
    return r;
}

static int filter_fail(const struct group_dir *dir, int errnum, const char *syscall, const char *pointer)
{
    struct error_site site = {
        .errnum = errnum,
        .stage = "cgroup",
        .op = "device filter",
        .syscall = syscall,
        .object = dir->path,
        .pointer = pointer,
    };

    if (errnum == EPERM || errnum == EACCES)
        site.hint = "an eBPF device filter needs CAP_BPF and CAP_NET_ADMIN (root) on the host; "
                    "device_access: true "
                    "does without";
    else if (errnum == EINVAL || errnum == ENOSYS)
        site.hint = "the kernel needs CONFIG_CGROUP_BPF; device_access: true does without a filter";
    return error_raise(dir->err, &site, NULL);
}

/* On v2 the process is born in its group, so the filter also meets our own set-up: these nodes are made in every /dev.
 * Making is all that is allowed here; whether they can be used is the rules' business. */
static int with_own_nodes(struct config_device_rule **rules, size_t *count)
{
    static const int64_t nodes[][2] = { { 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 }, { 1, 9 }, { 5, 0 } };
    struct config_device_rule *grown = realloc(*rules, (*count + ARRAY_SIZE(nodes)) * sizeof(**rules));

    if (grown == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
        grown[(*count)++] = (struct config_device_rule){ 'c', nodes[i][0], nodes[i][1], "m", true };
    *rules = grown;
    return 0;
}

int device_filter_attach(const struct lc_config *config, const struct group_dir *dir, bool replace)
{
    enum { PER_RULE = 7, AROUND = 8 };
    CLEAN_FREE struct config_device_rule *rules = NULL;
    CLEAN_FREE struct bpf_insn *program = NULL;
    CLEAN_FD int fd = -EBADF;
    const char *pointer = cgroup_pointer(&config->cgroups, CGROUP_KEY_DEVICES);
    size_t count, capacity;
    int length, r;

    r = device_rules_collect(config, &rules, &count);
    if (r == 0 && device_rules_allow_all(rules, count)) {
        r = exchange(dir->fd, -EBADF, replace);
        return r < 0 ? filter_fail(dir, -r, "bpf(BPF_PROG_DETACH)", pointer) : 0;
    }
    if (r == 0)
        r = with_own_nodes(&rules, &count);
    if (r < 0)
        return filter_fail(dir, -r, NULL, pointer);
    capacity = count * PER_RULE + AROUND;
    program = calloc(capacity, sizeof(*program));
    if (program == NULL)
        return filter_fail(dir, ENOMEM, NULL, pointer);
    length = cgroup_device_program(rules, count, program, capacity);
    if (length < 0)
        return filter_fail(dir, -length, NULL, pointer);
    fd = load(program, (size_t)length);
    if (fd < 0)
        return filter_fail(dir, -fd, "bpf(BPF_PROG_LOAD)", pointer);
    r = exchange(dir->fd, fd, replace);
    if (r < 0)
        return filter_fail(dir, -r, "bpf(BPF_PROG_ATTACH)", pointer);
    log_line(
            dir->log, "cgroup %s: device filter of %zu rules, %d instructions: ok", dir->path, count, length);
    return 0;
}
