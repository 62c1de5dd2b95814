/* What runs into limits. `limits WHAT [ARG...]`, run inside containers. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Forks until it may not any more, at most N times, and says how often; all of them stay until the end. */
static int forks(char **args)
{
    int made = 0, most = atoi(args[0]);
    pid_t pid = 0;

    while (made < most && (pid = fork()) > 0)
        made++;
    if (pid == 0 && made < most) {
        pause();
        _exit(0);
    }
    printf("%d %s\n", made, pid < 0 ? strerror(errno) : "all");
    fflush(stdout);
    sleep((unsigned)atoi(args[1]));
    return 0;
}

/* Every process makes more of itself, from the first instruction on. */
static int bomb(char **args)
{
    (void)args;
    for (;;) {
        if (fork() < 0)
            usleep(1000);
    }
}

static int burn(char **args)
{
    for (int i = atoi(args[0]); i > 1; i--) {
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            break;
        }
    }
    for (volatile unsigned long i = 0;; i++)
        ;
}

/* The CPUs that the kernel lets us have. */
static int cpus(char **args)
{
    cpu_set_t set;

    (void)args;
    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return 1;
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &set))
            printf("%d\n", i);
    }
    return 0;
}

/* Maps and touches N huge pages of 2 MiB. */
static int huge(char **args)
{
    size_t page = 2 << 20, size = (size_t)atol(args[0]) * page;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

    if (memory == MAP_FAILED) {
        printf("%s\n", strerror(errno));
        return 3;
    }
    for (size_t i = 0; i < size; i += page)
        memory[i] = 1;
    printf("touched %s\n", args[0]);
    return 0;
}

int main(int argc, char **argv)
{
    static char *none[] = { "1", "0", NULL };
    static const struct {
        const char *name;
        int (*run)(char **args);
    } table[] = {
        { "forks", forks },
        { "bomb", bomb },
        { "burn", burn },
        { "cpus", cpus },
        { "huge", huge },
    };

    for (size_t i = 0; argc > 1 && i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(argv[1], table[i].name) == 0)
            return table[i].run(argc > 2 ? argv + 2 : none);
    return 2;
}
