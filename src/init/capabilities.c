#include "init.h"

#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int step_bounding(struct init *init, const struct wire_op *op)
{
    uint64_t kept = op->number[0];

    for (int cap = 0; cap < 64; cap++) {
        if ((kept >> cap & 1) != 0)
            continue;
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
            continue;
        /* Beyond the last capability of this kernel, or one that is gone already and not ours to drop. */
        if (errno == EINVAL)
            break;
        if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 0)
            return init_fail(init, "prctl", "PR_CAPBSET_DROP", -EPERM);
    }
    return 0;
}

/* What stays of what we have. */
static int keep_capabilities(struct init *init, const struct wire_op *op)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct now[2], want[2];

    if (syscall(SYS_capget, &header, now) < 0)
        return init_fail(init, "capget", NULL, -errno);
    for (int half = 0; half < 2; half++) {
        /* An ordinary user has none after the exec; so none for the look-up of the command either. */
        want[half].permitted =
                init->uid != 0 ? 0 : now[half].permitted & (uint32_t)(op->number[0] >> (32 * half));
        want[half].effective = want[half].permitted;
        want[half].inheritable = 0;
    }
    if (syscall(SYS_capset, &header, want) < 0)
        return init_fail(init, "capset", NULL, -errno);
    /* Kernels before 4.3 have no ambient set: nothing to clear. */
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
        return init_fail(init, "prctl", "PR_CAP_AMBIENT_CLEAR_ALL", -errno);
    if (syscall(SYS_capget, &header, now) < 0 || memcmp(now, want, sizeof(now)) != 0)
        return init_fail(init, "capget", "capabilities are not what was set", -EPERM);
    /* The change of identity cleared it. */
    init_follow_parent(init);
    return 0;
}

static const char *const names[] = { "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL",
    "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN",
    "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
    "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE",
    "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM",
    "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE" };

static int fail_capability(struct init *init, const char *call, int cap, const char *why)
{
    char name[32] = "CAP_";
    int r = -errno;

    if (cap < (int)(sizeof(names) / sizeof(names[0])))
        (void)text_append(name, sizeof(name), names[cap]);
    else
        text_append_number(name, sizeof(name), (uint64_t)cap, 10);
    init_detail(init, why);
    return init_fail(init, call, name, r);
}

static uint64_t joined(uint32_t low, uint32_t high)
{
    return (uint64_t)high << 32 | low;
}

/* The first capability that capset refuses, by its rules. */
static int fail_capset(struct init *init, const struct __user_cap_data_struct *now, const struct wire_op *op)
{
    uint64_t have = joined(now[0].permitted, now[1].permitted),
             may = have | joined(now[0].inheritable, now[1].inheritable);
    const struct {
        uint64_t lacking;
        const char *why;
    } rows[] = { { op->number[0] & ~have, "the caller itself does not have this capability" },
        { op->number[1] & ~op->number[0], "effective, but not permitted" },
        { op->number[2] & ~may, "inheritable, and the caller itself does not have it" } };
    int r = -errno;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].lacking != 0) {
            errno = -r;
            return fail_capability(init, "capset", __builtin_ctzll(rows[i].lacking), rows[i].why);
        }
    return init_fail(init, "capset", NULL, r);
}

static int set_ambient(struct init *init, uint64_t wanted)
{
    /* Kernels before 4.3 have no ambient set: nothing to clear. */
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && (errno != EINVAL || wanted != 0))
        return init_fail(init, "prctl", "PR_CAP_AMBIENT_CLEAR_ALL", -errno);
    for (int cap = 0; cap < 64 && wanted >> cap != 0; cap++)
        if ((wanted >> cap & 1) != 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
            return fail_capability(init, "prctl", cap, "ambient, but not both permitted and inheritable");
    return 0;
}

/* All were cleared before: what is not wanted is not there. */
static int check_ambient(struct init *init, uint64_t wanted)
{
    for (int cap = 0; cap < 64 && wanted >> cap != 0; cap++)
        if ((wanted >> cap & 1) != 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) != 1) {
            errno = EPERM;
            return fail_capability(init, "prctl", cap, "the ambient set is not what was set");
        }
    return 0;
}

/* Exactly what is written. text1: and SYS_ADMIN waits among the permitted ones, if it is there, for the filter. */
static int set_capabilities(struct init *init, const struct wire_op *op)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct now[2], want[2];
    int r;

    if (syscall(SYS_capget, &header, now) < 0)
        return init_fail(init, "capget", NULL, -errno);
    for (int half = 0; half < 2; half++) {
        want[half].permitted = (uint32_t)(op->number[0] >> (32 * half));
        want[half].effective = (uint32_t)(op->number[1] >> (32 * half));
        want[half].inheritable = (uint32_t)(op->number[2] >> (32 * half));
    }
    if (op->text[1] != 0)
        want[0].permitted |= now[0].permitted & 1u << CAP_SYS_ADMIN;
    if (syscall(SYS_capset, &header, want) < 0)
        return fail_capset(init, now, op);
    r = set_ambient(init, op->number[3]);
    if (r < 0)
        return r;
    if (syscall(SYS_capget, &header, now) < 0 || memcmp(now, want, sizeof(now)) != 0)
        return init_fail(init, "capget", "capabilities are not what was set", -EPERM);
    r = check_ambient(init, op->number[3]);
    if (r == 0 && prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
        r = init_fail(init, "prctl", "PR_SET_KEEPCAPS", -errno);
    /* The change of identity cleared it. */
    init_follow_parent(init);
    return r;
}

int step_capabilities(struct init *init, const struct wire_op *op)
{
    return op->text[0] != 0 ? set_capabilities(init, op) : keep_capabilities(init, op);
}
