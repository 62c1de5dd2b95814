/* enosys CALL[,CALL...] COMMAND [ARG...]: runs COMMAND in a world whose kernel does not have these system calls.
 * No no_new_privs: it would change what is tested, and root may install a filter without it. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALLS_MAX 64

static const struct {
    const char *name;
    unsigned number;
} calls[] = {
    { "openat2", SYS_openat2 },
    { "clone3", SYS_clone3 },
    { "close_range", SYS_close_range },
    { "open_tree", SYS_open_tree },
    { "move_mount", SYS_move_mount },
    { "fsopen", SYS_fsopen },
    { "fsconfig", SYS_fsconfig },
    { "fsmount", SYS_fsmount },
    { "fspick", SYS_fspick },
    { "mount_setattr", SYS_mount_setattr },
    { "pidfd_open", SYS_pidfd_open },
    { "pidfd_send_signal", SYS_pidfd_send_signal },
    { "pidfd_getfd", SYS_pidfd_getfd },
    { "execveat", SYS_execveat },
    { "memfd_create", SYS_memfd_create },
};

static int find(const char *name)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (strcmp(calls[i].name, name) == 0)
            return (int)calls[i].number;
    return -1;
}

int main(int argc, char **argv)
{
    struct sock_filter filter[2 * CALLS_MAX + 8];
    struct sock_fprog program = { .filter = filter };
    unsigned short n = 0;

    if (argc < 3) {
        fprintf(stderr, "usage: enosys CALL[,CALL...] COMMAND [ARG...]\n");
        return 2;
    }
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (char *name = strtok(argv[1], ","); name != NULL; name = strtok(NULL, ",")) {
        int number = find(name);

        if (number < 0 || n >= 2 * CALLS_MAX) {
            fprintf(stderr, "enosys: unknown system call %s\n", name);
            return 2;
        }
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1);
        filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
    }
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    program.len = n;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
        perror("enosys: seccomp");
        return 2;
    }
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 127;
}
