#include <lcsys/syscalls.h>

#include <fcntl.h>
#include <unistd.h>
#include <sys/syscall.h>

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

static int result(long value)
{
    return value < 0 ? -errno : (int)value;
}

int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
    struct open_how how = { .flags = flags, .mode = mode, .resolve = resolve };

    return result(syscall(SYS_openat2, dirfd, path, &how, sizeof(how)));
}

int sys_open_tree(int dirfd, const char *path, unsigned int flags)
{
    return result(syscall(SYS_open_tree, dirfd, path, flags));
}

int sys_detached_tmpfs(void)
{
    int context = result(syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)), r;

    if (context < 0)
        return context;
    r = result(syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
    if (r == 0)
        r = result(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0));
    (void)close(context);
    return r;
}

int sys_move_mount(int from_fd, int to_fd, const char *name)
{
    return result(syscall(SYS_move_mount, from_fd, "", to_fd, name != NULL ? name : "",
            MOVE_MOUNT_F_EMPTY_PATH | (name != NULL ? 0 : MOVE_MOUNT_T_EMPTY_PATH)));
}

int sys_mount_setattr(int fd, unsigned int flags, const struct mount_attr *attr)
{
    return result(syscall(SYS_mount_setattr, fd, "", flags | AT_EMPTY_PATH, attr, sizeof(*attr)));
}

int sys_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
    return result(syscall(SYS_mount, source, target, type, flags, data));
}

int sys_umount(const char *target, int flags)
{
    return result(syscall(SYS_umount2, target, flags));
}

int sys_pivot_root(const char *new_root, const char *put_old)
{
    return result(syscall(SYS_pivot_root, new_root, put_old));
}

int sys_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
    return result(syscall(SYS_close_range, first, last, flags));
}

int sys_pidfd_open(pid_t pid)
{
    return result(syscall(SYS_pidfd_open, pid, 0));
}

int sys_pidfd_send_signal(int pidfd, int signal)
{
    return result(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

int sys_setns(int fd, int type)
{
    return result(syscall(SYS_setns, fd, type));
}

int sys_memfd_create(const char *name, unsigned int flags)
{
    return result(syscall(SYS_memfd_create, name, flags));
}

long sys_clone3(struct clone_args *args)
{
    return result(syscall(SYS_clone3, args, sizeof(*args)));
}

/* The child returns from the system call on another stack, so it must not return through ours: assembly. */
long sys_clone3_call(struct clone_args *args, int (*function)(void *), void *data)
{
#if defined(__x86_64__)
    register long result __asm__("rax") = SYS_clone3;
    register int (*fn)(void *) __asm__("r12") = function;
    register void *argument __asm__("r13") = data;

    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "mov %%r13, %%rdi\n\t"
                     "call *%%r12\n\t"
                     "mov %%eax, %%edi\n\t"
                     "mov %[exit], %%eax\n\t"
                     "syscall\n\t"
                     "hlt\n\t"
                     "1:"
                     : "+r"(result)
                     : "D"(args), "S"(sizeof(*args)), "r"(fn), "r"(argument), [exit] "i"(SYS_exit)
                     : "rcx", "r11", "memory", "cc");
    return result;
#elif defined(__aarch64__)
    register long result __asm__("x0") = (long)args;
    register long size __asm__("x1") = sizeof(*args);
    register long number __asm__("x8") = SYS_clone3;
    register int (*fn)(void *) __asm__("x19") = function;
    register void *argument __asm__("x20") = data;

    __asm__ volatile("svc #0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, #0\n\t"
                     "mov x0, x20\n\t"
                     "blr x19\n\t"
                     "mov x8, %[exit]\n\t"
                     "svc #0\n\t"
                     "brk #0\n\t"
                     "1:"
                     : "+r"(result)
                     : "r"(size), "r"(number), "r"(fn), "r"(argument), [exit] "i"(SYS_exit)
                     : "x30", "memory", "cc");
    return result;
#else
#error "sys_clone3_call: add this architecture"
#endif
}
