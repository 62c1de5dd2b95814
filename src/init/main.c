#include "init.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <poll.h>
#include <unistd.h>

/* The whole life of a container's first moments, and of a joining process: one row an op. */
static init_step *const steps[WIRE_OP_MAX_] = {
    [WIRE_OP_SETNS] = step_setns,
    [WIRE_OP_UNSHARE] = step_unshare,
    [WIRE_OP_JOIN_NETWORK] = step_join_network,
    [WIRE_OP_BECOME_ROOT] = step_become_root,
    [WIRE_OP_JOIN_ROOT] = step_join_root,
    [WIRE_OP_FORK] = step_fork,
    [WIRE_OP_HOSTNAME] = step_hostname,
    [WIRE_OP_DOMAINNAME] = step_domainname,
    [WIRE_OP_PROPAGATION] = step_propagation,
    [WIRE_OP_SOURCE] = step_source,
    [WIRE_OP_TREE] = step_tree,
    [WIRE_OP_ROOTFS] = step_rootfs,
    [WIRE_OP_MOUNT] = step_mount,
    [WIRE_OP_BIND] = step_bind,
    [WIRE_OP_DEVICE] = step_device,
    [WIRE_OP_SYMLINK] = step_symlink,
    [WIRE_OP_CONSOLE] = step_console,
    [WIRE_OP_SYSCTL] = step_sysctl,
    [WIRE_OP_MASK] = step_mask,
    [WIRE_OP_READONLY] = step_readonly,
    [WIRE_OP_LABEL] = step_label,
    [WIRE_OP_OOM_SCORE] = step_oom_score,
    [WIRE_OP_ROOT_ATTRIBUTES] = step_root_attributes,
    [WIRE_OP_DETACH_HOST] = step_detach_host,
    [WIRE_OP_CHROOT] = step_chroot,
    [WIRE_OP_WAIT] = step_wait,
    [WIRE_OP_NETWORK] = step_network,
    [WIRE_OP_RLIMIT] = step_rlimit,
    [WIRE_OP_SESSION] = step_session,
    [WIRE_OP_USER] = step_user,
    [WIRE_OP_BOUNDING] = step_bounding,
    [WIRE_OP_IDENTITY] = step_identity,
    [WIRE_OP_CAPABILITIES] = step_capabilities,
    [WIRE_OP_UMASK] = step_umask,
    [WIRE_OP_CWD] = step_cwd,
    [WIRE_OP_NO_NEW_PRIVILEGES] = step_no_new_privileges,
    [WIRE_OP_MAP] = step_map,
    [WIRE_OP_TIME_OFFSETS] = step_time_offsets,
    [WIRE_OP_KEYRING] = step_keyring,
    [WIRE_OP_HOOKS] = step_hooks,
    [WIRE_OP_COMMAND] = step_command,
    [WIRE_OP_START] = step_start,
    [WIRE_OP_PRESERVE] = step_preserve,
    [WIRE_OP_AFFINITY] = step_affinity,
    [WIRE_OP_SCHEDULER] = step_scheduler,
    [WIRE_OP_IO_PRIORITY] = step_io_priority,
    [WIRE_OP_MEMORY_POLICY] = step_memory_policy,
    [WIRE_OP_PERSONALITY] = step_personality,
    [WIRE_OP_SECCOMP] = step_seccomp,
    [WIRE_OP_RUN_HOOKS] = step_run_hooks,
    [WIRE_OP_DONE] = step_done,
    [WIRE_OP_EXEC] = step_exec,
};

static int slots[INIT_SLOTS];
static bool uncopied[INIT_SLOTS];

int init_fail(struct init *init, const char *syscall, const char *object, int result)
{
    if (init->failure.errnum != 0)
        return result;
    init->failure.errnum = -result;
    (void)text_copy(init->failure.syscall, sizeof(init->failure.syscall), syscall);
    if (object != NULL)
        (void)text_copy(init->failure.object, sizeof(init->failure.object), object);
    return result;
}

void init_detail(struct init *init, const char *text)
{
    (void)text_append(init->failure.detail, sizeof(init->failure.detail), text);
}

void init_follow_parent(const struct init *init)
{
    struct pollfd socket = { .fd = init->socket };

    if ((init->plan->flags & WIRE_DIE_WITH_PARENT) == 0 || init->orphan)
        return;
    /* Armed first, looked after: a parent that dies in between is seen by one or the other. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (poll(&socket, 1, 0) > 0 && (socket.revents & (POLLHUP | POLLERR)) != 0)
        _exit(1);
}

/* Kernels without close_range: ask /proc which descriptors there are. */
static int close_listed(unsigned int first)
{
    char entries[4096];
    int directory = openat(AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long got;

    if (directory < 0)
        return -errno;
    while ((got = syscall(SYS_getdents64, directory, entries, sizeof(entries))) > 0) {
        for (long at = 0; at < got;) {
            unsigned short length;
            unsigned long fd = strtoul(entries + at + 19, NULL, 10); /* d_name of linux_dirent64 */

            memcpy(&length, entries + at + 16, sizeof(length)); /* d_reclen */
            at += length;
            if (fd >= first && (int)fd != directory)
                (void)close((int)fd);
        }
    }
    (void)close(directory);
    return got < 0 ? -errno : 0;
}

static int close_others(unsigned int first)
{
    int r = sys_close_range(first, ~0u, 0);

    return r == -ENOSYS ? close_listed(first) : r;
}

static int load_plan(struct init *init)
{
    struct stat st;
    void *blob;

    if (fstat(WIRE_FD_PLAN, &st) < 0)
        return init_fail(init, "fstat", "plan", -errno);
    blob = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, WIRE_FD_PLAN, 0);
    if (blob == MAP_FAILED)
        return init_fail(init, "mmap", "plan", -errno);
    if (wire_plan_check(blob, (size_t)st.st_size) < 0)
        return init_fail(init, "check", "plan", -EBADMSG);
    (void)close(WIRE_FD_PLAN);
    init->blob = blob;
    init->plan = blob;
    init->slots = slots;
    init->uncopied = uncopied;
    for (uint32_t i = 0; i < init->plan->n_slots; i++)
        slots[i] = i < init->plan->n_given ? (int)(WIRE_FD_FIRST + i) : -1;
    return 0;
}

static int start(struct init *init)
{
    int r;

    /* Nobody may look into this process, whatever namespaces it enters (CVE-2016-9962). */
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        return init_fail(init, "prctl", "PR_SET_DUMPABLE", -errno);
    r = load_plan(init);
    if (r < 0)
        return r;
    init_follow_parent(init);
    r = close_others(WIRE_FD_FIRST + init->plan->n_given);
    if (r < 0)
        return init_fail(init, "close_range", NULL, r);
    for (unsigned int fd = WIRE_FD_SOCKET; fd < WIRE_FD_FIRST + init->plan->n_given; fd++)
        if (fd != WIRE_FD_PLAN && fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
            return init_fail(init, "fcntl", "FD_CLOEXEC", -errno);
    (void)umask(0);
    init->host_root = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return init->host_root < 0 ? init_fail(init, "open", "/", -errno) : 0;
}

int main(int argc, char **argv)
{
    static struct init init = { .host_root = -1,
        .root = -1,
        .console = -1,
        .null = -1,
        .mask_directory = -1,
        .dev = -1,
        .fresh_fd = -1,
        .socket = WIRE_FD_SOCKET,
        .output = -1 };
    const struct wire_op *ops;
    int r;

    if (argc > 1 && strcmp(argv[1], "guard") == 0)
        return guard_main(argv[2]);
    r = start(&init);
    if (r == 0) {
        ops = (const struct wire_op *)(const void *)(init.blob + init.plan->ops);
        for (uint32_t i = 0; i < init.plan->n_ops && r == 0; i++) {
            init.failure.op = i;
            init.failure.kind = ops[i].kind;
            r = steps[ops[i].kind](&init, &ops[i]);
        }
        if (r == 0)
            r = init_fail(&init, "plan", "ended without exec", -EBADMSG);
    }
    if (init.failure.errnum == 0)
        init.failure.errnum = -r;
    init.failure.type = WIRE_ERROR;
    (void)wire_send(init.socket, &init.failure, init.output);
    _exit(1);
}
