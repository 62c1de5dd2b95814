/* What a hostile program tries inside a container, one thing a call; prints what came of it. `hostile WHAT [ARG...]`. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long result)
{
    printf("%s: %s\n", what, result >= 0 ? "ok" : strerrorname_np(errno));
}

/* Shocker: the root inode of a file system by its number. */
static void by_handle(char **args)
{
    struct {
        struct file_handle head;
        unsigned char bytes[8];
    } handle = { .head = { .handle_bytes = 8, .handle_type = 1 }, .bytes = { 2 } };
    int mount = open(args[0], O_RDONLY);

    say("open_by_handle_at", open_by_handle_at(mount, &handle.head, O_RDONLY));
}

static void inject(const char *name, int fd)
{
    for (const char *c = "injected\n"; *c != '\0'; c++)
        if (ioctl(fd, TIOCSTI, c) < 0) {
            printf("%s: %s\n", name, strerrorname_np(errno));
            return;
        }
    printf("%s: ok\n", name);
}

static void tiocsti(char **args)
{
    (void)args;
    inject("0", 0);
    inject("1", 1);
    inject("2", 2);
    inject("tty", open("/dev/tty", O_RDWR));
}

/* In a child of its own: a filter may kill. */
static void apart(const char *what, long (*call)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        long result = call();

        if (result == -ENOSYS)
            _exit(38);
        _exit(result > 0 ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    printf("%s: %s\n", what, WIFSIGNALED(status) ? "killed" : WEXITSTATUS(status) == 0 ? "pid" : "refused");
}

static long native(void)
{
    return syscall(SYS_getpid);
}

#ifdef __x86_64__
static long i386(void)
{
    long result;

    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
    return result;
}

static long x32(void)
{
    return syscall(0x40000000L | SYS_getpid);
}
#endif

static void getpids(char **args)
{
    (void)args;
    fflush(stdout);
    setvbuf(stdout, NULL, _IONBF, 0);
    apart("native", native);
#ifdef __x86_64__
    apart("i386", i386);
    apart("x32", x32);
#endif
}

int main(int argc, char **argv)
{
    static char *none[] = { "/", NULL };
    static const struct {
        const char *name;
        void (*run)(char **args);
    } table[] = {
        { "by-handle", by_handle },
        { "tiocsti", tiocsti },
        { "getpids", getpids },
    };

    for (size_t i = 0; argc > 1 && i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(argv[1], table[i].name) == 0) {
            table[i].run(argc > 2 ? argv + 2 : none);
            return 0;
        }
    return 2;
}
