/*
 * The stop-watch: starts a command again and again and reports what each run cost.
 *
 *     spawn [-n RUNS] [-w WARMUPS] [-j JOBS] [-p PAUSE_MS] [-C DIR] [--] COMMAND [ARG...]
 *
 * "%d" in an argument becomes the number of the run (0..RUNS-1, warm-ups count from 0 as well). JOBS
 * are kept running at a time; PAUSE_MS is slept before each start. Standard output of the command goes
 * to /dev/null, standard error stays. Output, one line per measured run and one for all of them:
 *
 *     run INDEX WALL_NS UTIME_US STIME_US MAXRSS_KB STATUS
 *     all WALL_NS
 *
 * STATUS is the exit status, or 128+N after signal N. The program is static and small on purpose: a
 * vfork'ed child is charged with its parent's resident set until it has exec'ed, so ru_maxrss can
 * never be less than this program's own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_RUNS = 4096, MAX_ARGS = 256, MAX_ARG = 1024 };

struct options {
    int runs;
    int warmups;
    int jobs;
    int pause_ms;
    const char *directory;
    char **argv;
};

struct result {
    pid_t pid;
    int status;
    long long start_ns;
    long long wall_ns;
    struct rusage usage;
};

static struct result results[MAX_RUNS];

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "spawn: %s: %s\n", what, strerror(errno));
    exit(2);
}

static _Noreturn void usage(void)
{
    fprintf(stderr, "usage: spawn [-n RUNS] [-w WARMUPS] [-j JOBS] [-p PAUSE_MS] [-C DIR] COMMAND...\n");
    exit(2);
}

static long long now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void sleep_ms(int ms)
{
    struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L };

    nanosleep(&t, NULL);
}

/* Replaces the first "%d" of each argument by the number of the run. */
static char **expand(char **argv, int index)
{
    static char text[MAX_ARGS][MAX_ARG];
    static char *out[MAX_ARGS + 1];
    int i;

    for (i = 0; argv[i]; i++) {
        const char *mark = strstr(argv[i], "%d");

        if (i == MAX_ARGS || strlen(argv[i]) + 12 > MAX_ARG) {
            errno = E2BIG;
            die(argv[i]);
        }
        out[i] = argv[i];
        if (mark) {
            snprintf(text[i], MAX_ARG, "%.*s%d%s", (int)(mark - argv[i]), argv[i], index, mark + 2);
            out[i] = text[i];
        }
    }
    out[i] = NULL;
    return out;
}

static void start(struct result *result, char **argv, int index)
{
    char **expanded = expand(argv, index);

    result->start_ns = now_ns();
    result->pid = vfork();
    if (result->pid == 0) {
        if (expanded[0])
            execvp(expanded[0], expanded);
        _exit(127);
    }
    if (result->pid < 0)
        die("vfork");
}

static void finish(struct result *all, int started)
{
    struct rusage usage;
    int status;
    pid_t pid = wait4(-1, &status, 0, &usage);
    long long now = now_ns();

    if (pid < 0)
        die("wait4");
    for (int i = 0; i < started; i++) {
        struct result *result = &all[i];

        if (result->pid != pid)
            continue;
        result->pid = 0;
        result->wall_ns = now - result->start_ns;
        result->usage = usage;
        result->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return;
    }
}

static void run_all(const struct options *options, int runs)
{
    int started = 0;
    int running = 0;

    while (started < runs || running > 0) {
        if (started < runs && running < options->jobs) {
            if (options->pause_ms)
                sleep_ms(options->pause_ms);
            start(&results[started], options->argv, started);
            started++;
            running++;
        } else {
            finish(results, started);
            running--;
        }
    }
}

static long long microseconds(struct timeval t)
{
    return t.tv_sec * 1000000LL + t.tv_usec;
}

static void check_warmups(int runs)
{
    for (int i = 0; i < runs; i++) {
        if (results[i].status == 0)
            continue;
        fprintf(stderr, "spawn: warm-up %d: exit status %d\n", i, results[i].status);
        exit(1);
    }
}

static int report(int out, int runs, long long wall_ns)
{
    int failed = 0;

    for (int i = 0; i < runs; i++) {
        const struct result *r = &results[i];

        dprintf(out, "run %d %lld %lld %lld %ld %d\n", i, r->wall_ns, microseconds(r->usage.ru_utime),
                microseconds(r->usage.ru_stime), r->usage.ru_maxrss, r->status);
        failed |= r->status != 0;
    }
    dprintf(out, "all %lld\n", wall_ns);
    return failed;
}

/* Gives the commands /dev/null as standard output; the report keeps the real one. */
static int divert_output(void)
{
    int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (out < 0 || null < 0 || dup2(null, STDOUT_FILENO) < 0)
        die("/dev/null");
    close(null);
    return out;
}

static struct options parse(int argc, char **argv)
{
    struct options options = { .runs = 1, .jobs = 1 };
    int c;

    while ((c = getopt(argc, argv, "+n:w:j:p:C:")) >= 0) {
        if (c == 'n')
            options.runs = atoi(optarg);
        else if (c == 'w')
            options.warmups = atoi(optarg);
        else if (c == 'j')
            options.jobs = atoi(optarg);
        else if (c == 'p')
            options.pause_ms = atoi(optarg);
        else if (c == 'C')
            options.directory = optarg;
        else
            usage();
    }
    if (optind == argc || options.runs < 1 || options.runs > MAX_RUNS || options.warmups > MAX_RUNS ||
            options.jobs < 1)
        usage();
    options.argv = argv + optind;
    return options;
}

int main(int argc, char **argv)
{
    struct options options = parse(argc, argv);
    int out = divert_output();
    long long begin;

    if (options.directory && chdir(options.directory) < 0)
        die(options.directory);
    if (options.warmups > 0)
        run_all(&options, options.warmups);
    check_warmups(options.warmups > 0 ? options.warmups : 0);
    begin = now_ns();
    run_all(&options, options.runs);
    return report(out, options.runs, now_ns() - begin);
}
