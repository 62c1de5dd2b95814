/*
 * The floor of a join: the kernel work of running one program inside a live container, by hand.
 *
 *     joinfloor PID GROUP_FILE
 *
 * Attaches itself to the container's cgroup (GROUP_FILE is its tasks on v1, see floor.c for why, or its
 * cgroup.procs on v2), enters the six
 * namespaces of PID with one setns on a pidfd, then vforks (a pid namespace is entered by children
 * only), executes /bin/true there and waits. Exit status: that of the program, or 1 with one line.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(long result, const char *step)
{
    if (result >= 0)
        return;
    dprintf(STDERR_FILENO, "joinfloor: %s: %s\n", step, strerror(errno));
    _exit(1);
}

static void enter(pid_t pid, const char *group)
{
    int file = open(group, O_WRONLY | O_CLOEXEC);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

    check(file, group);
    check(pidfd, "pidfd_open");
    check(write(file, "0", 1), "attach");
    check(setns(pidfd,
                  CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP),
            "setns");
}

int main(int argc, char **argv)
{
    char *const command[] = { "/bin/true", NULL };
    char *const environment[] = { "PATH=/bin", NULL };
    pid_t child;
    int status;

    if (argc != 3)
        return 2;
    enter((pid_t)atoi(argv[1]), argv[2]);
    child = vfork();
    check(child, "vfork");
    if (child == 0) {
        execve(command[0], command, environment);
        _exit(127);
    }
    check(waitpid(child, &status, 0), "waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
