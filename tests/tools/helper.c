/* Small things that a busybox shell cannot do. `helper WHAT [ARG...]`, run inside containers. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Touches N MiB of memory. */
static int hog(char **args)
{
    size_t size = (size_t)atol(args[0]) << 20;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return 3;
    for (size_t i = 0; i < size; i += 4096)
        memory[i] = 1;
    printf("touched %s MiB\n", args[0]);
    return 0;
}

static int crash(char **args)
{
    (void)args;
    *(volatile int *)8 = 1;
    return 0;
}

/* The classic way out of a chroot, then: does the path exist out there? */
static int escape(char **args)
{
    int here = open("/", O_RDONLY | O_DIRECTORY);

    mkdir("/tmp/deep", 0700);
    if (chroot("/tmp/deep") < 0 || fchdir(here) < 0)
        return 4;
    for (int i = 0; i < 64; i++)
        if (chdir("..") < 0)
            return 5;
    if (chroot(".") < 0)
        return 6;
    rmdir("/tmp/deep");
    puts(access(args[0], F_OK) == 0 ? "escaped" : "still inside");
    return 0;
}

/* The same by a new mount namespace: its root must not be the host's. */
static int unshared(char **args)
{
    if (unshare(CLONE_NEWNS) < 0)
        return 4;
    puts(access(args[0], F_OK) == 0 ? "escaped" : "still inside");
    return escape(args);
}

/* open(PATH) with the flags r, w or rw; prints the error's name. */
static int try_open(char **args)
{
    int flags = strcmp(args[1], "rw") == 0 ? O_RDWR : strcmp(args[1], "w") == 0 ? O_WRONLY : O_RDONLY;
    int fd = open(args[0], flags | O_NONBLOCK | O_NOCTTY);

    puts(fd >= 0 ? "ok" : strerrorname_np(errno));
    return 0;
}

/* Signals that are blocked or ignored, as the kernel shows them to the new program. */
static int signals(char **args)
{
    sigset_t set;
    int blocked = 0, ignored = 0;

    (void)args;
    sigprocmask(SIG_BLOCK, NULL, &set);
    for (int i = 1; i < 32; i++) {
        struct sigaction action;

        blocked += sigismember(&set, i) == 1;
        if (sigaction(i, NULL, &action) == 0)
            ignored += action.sa_handler == SIG_IGN;
    }
    printf("blocked %d ignored %d\n", blocked, ignored);
    return 0;
}

/* Leaves a grandchild behind that is in a session of its own and ignores every signal that can be ignored. */
static int stubborn(char **args)
{
    if (fork() != 0) {
        puts("left");
        return atoi(args[0]);
    }
    setsid();
    for (int i = 1; i < 64; i++)
        signal(i, SIG_IGN);
    if (fork() == 0)
        setsid();
    for (;;)
        pause();
}

static void *stay(void *unused)
{
    puts("ready");
    fflush(stdout);
    while (pause() < 0)
        ;
    return unused;
}

/* A program that goes on without its first thread, which the kernel shows as a zombie. */
static int headless(char **args)
{
    pthread_t thread;

    (void)args;
    if (pthread_create(&thread, NULL, stay, NULL) != 0)
        return 1;
    pthread_exit(NULL);
}

/* sd_notify(3) with the first argument. */
static int notify(char **args)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const char *path = getenv("NOTIFY_SOCKET");
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path != NULL ? path : "");
    if (sendto(fd, args[0], strlen(args[0]), 0, (struct sockaddr *)&address, sizeof(address)) < 0) {
        printf("%s: %s\n", address.sun_path, strerror(errno));
        return 1;
    }
    puts(address.sun_path);
    return 0;
}

int main(int argc, char **argv)
{
    static char *none[] = { "0", "0", NULL };
    static const struct {
        const char *name;
        int (*run)(char **args);
    } table[] = {
        { "hog", hog },
        { "crash", crash },
        { "escape", escape },
        { "unshared", unshared },
        { "try-open", try_open },
        { "signals", signals },
        { "stubborn", stubborn },
        { "headless", headless },
        { "notify", notify },
    };

    for (size_t i = 0; argc > 1 && i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(argv[1], table[i].name) == 0)
            return table[i].run(argc > 2 ? argv + 2 : none);
    return 2;
}
