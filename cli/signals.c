#include <cli/units.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The kernel's range; both C libraries keep some of the first for themselves. */
#define FIRST_REAL_TIME 34
#define LAST 64

static const struct {
    const char *name;
    int number;
} names[] = {
    { "ABRT", SIGABRT },
    { "ALRM", SIGALRM },
    { "BUS", SIGBUS },
    { "CHLD", SIGCHLD },
    { "CLD", SIGCHLD },
    { "CONT", SIGCONT },
    { "FPE", SIGFPE },
    { "HUP", SIGHUP },
    { "ILL", SIGILL },
    { "INT", SIGINT },
    { "IO", SIGIO },
    { "IOT", SIGABRT },
    { "KILL", SIGKILL },
    { "PIPE", SIGPIPE },
    { "POLL", SIGIO },
    { "PROF", SIGPROF },
    { "PWR", SIGPWR },
    { "QUIT", SIGQUIT },
    { "SEGV", SIGSEGV },
    { "STKFLT", SIGSTKFLT },
    { "STOP", SIGSTOP },
    { "SYS", SIGSYS },
    { "TERM", SIGTERM },
    { "TRAP", SIGTRAP },
    { "TSTP", SIGTSTP },
    { "TTIN", SIGTTIN },
    { "TTOU", SIGTTOU },
    { "URG", SIGURG },
    { "USR1", SIGUSR1 },
    { "USR2", SIGUSR2 },
    { "VTALRM", SIGVTALRM },
    { "WINCH", SIGWINCH },
    { "XCPU", SIGXCPU },
    { "XFSZ", SIGXFSZ },
};

/* What follows RTMIN or RTMAX: nothing, or a distance. */
static int real_time(const char *rest, int base)
{
    char *end = (char *)rest;
    long distance = *rest != '\0' ? strtol(rest, &end, 10) : 0;

    if (*end != '\0' || (*rest != '\0' && *rest != '+' && *rest != '-') ||
            distance < FIRST_REAL_TIME - LAST || distance > LAST - FIRST_REAL_TIME ||
            base + distance < FIRST_REAL_TIME || base + distance > LAST)
        return -1;
    return base + (int)distance;
}

int signal_parse(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (end != text && *end == '\0')
        return number >= 0 && number <= LAST ? (int)number : -1;
    if (strncasecmp(text, "SIG", 3) == 0)
        text += 3;
    if (strncasecmp(text, "RTMIN", 5) == 0)
        return real_time(text + 5, FIRST_REAL_TIME);
    if (strncasecmp(text, "RTMAX", 5) == 0)
        return real_time(text + 5, LAST);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcasecmp(names[i].name, text) == 0)
            return names[i].number;
    return -1;
}
