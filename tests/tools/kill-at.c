/* A crash at an exact place: runs a command and kills it with SIGKILL when its main process comes back from its system
 * call number N, counted from 1 after execve. Its children are not traced.
 *
 *   kill-at N COMMAND...
 *
 * Status 0: killed there. 3: the command ended before. 125: this program failed itself. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what)
{
    fprintf(stderr, "kill-at: %s: %s\n", what, strerror(errno));
    return 125;
}

static int end(pid_t pid)
{
    int status;

    if (kill(pid, SIGKILL) < 0)
        return fail("kill");
    while (waitpid(pid, &status, __WALL) == pid && !WIFEXITED(status) && !WIFSIGNALED(status))
        ;
    return 0;
}

int main(int argc, char **argv)
{
    long left = argc > 2 ? 2 * atol(argv[1]) : 0; /* a stop on the way in and one on the way out */
    int status, signal_number = 0;
    pid_t pid;

    if (left <= 0)
        return 125;
    pid = fork();
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 && raise(SIGSTOP) == 0)
            execvp(argv[2], argv + 2);
        _exit(125);
    }
    if (pid < 0 || waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
        return fail("fork");
    if (ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) <
                    0 ||
            ptrace(PTRACE_CONT, pid, NULL, NULL) < 0 || waitpid(pid, &status, __WALL) != pid)
        return fail("ptrace");
    if (status >> 8 != (SIGTRAP | PTRACE_EVENT_EXEC << 8))
        return fail("execve");
    left++; /* the way out of execve itself */
    for (;;) {
        if (ptrace(PTRACE_SYSCALL, pid, NULL, signal_number) < 0)
            return fail("ptrace");
        if (waitpid(pid, &status, __WALL) != pid)
            return fail("waitpid");
        if (WIFEXITED(status) || WIFSIGNALED(status))
            return 3;
        signal_number = 0;
        if (WSTOPSIG(status) != (SIGTRAP | 0x80))
            signal_number = status >> 16 == 0 ? WSTOPSIG(status) : 0;
        else if (--left == 0)
            return end(pid);
    }
}
