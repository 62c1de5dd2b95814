/* The public functions that nsrun calls, without containers: every call is a line of JSON in $FAKE_CALLS.
 * FAKE_FAIL="FUNCTION ERRNO STATUS OBJECT TEXT" lets one function fail; FAKE_TTY asks for a terminal; FAKE_RUN is the shell
 * command that stands for the container's program. What the command line means is tested with it, without root. */
#include <libcontainer.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct lc_error {
    int errnum, status;
    char object[128], text[256];
    struct lc_error *next;
};

struct lc_config {
    bool tty;
};

struct lc_runtime {
    const struct lc_runtime_options *options;
};

struct lc_process {
    pid_t pid;
    int pidfd, console;
};

static void record(const char *function, json_t *line)
{
    const char *path = getenv("FAKE_CALLS");
    FILE *out = path != NULL ? fopen(path, "ae") : NULL;

    (void)json_object_set_new(line, "function", json_string(function));
    if (out != NULL) {
        (void)json_dumpf(line, out, JSON_COMPACT);
        (void)fputc('\n', out);
        (void)fclose(out);
    }
    json_decref(line);
}

/* 0, or the failure that the test asked for: twice in the chain where the text has a "|". */
static int outcome(const char *function, struct lc_error **err)
{
    const char *wanted = getenv("FAKE_FAIL");
    struct lc_error *error = calloc(1, sizeof(*error));
    char name[64] = "", *bar;
    int r;

    if (wanted == NULL || error == NULL ||
            sscanf(wanted, "%63s %d %d %127s %255[^\n]", name, &error->errnum, &error->status, error->object,
                    error->text) < 3 ||
            strcmp(name, function) != 0) {
        free(error);
        return 0;
    }
    bar = strchr(error->text, '|');
    if (bar != NULL) {
        error->next = calloc(1, sizeof(*error));
        if (error->next == NULL)
            abort();
        error->next->status = error->status;
        (void)snprintf(error->next->text, sizeof(error->next->text), "%s", bar + 1);
        *bar = '\0';
    }
    r = error->errnum > 0 ? -error->errnum : -EINVAL;
    if (err != NULL)
        *err = error;
    else
        lc_error_free(error);
    return r;
}

const char *lc_version(void)
{
    return LC_VERSION;
}

char *lc_error_format(const struct lc_error *err)
{
    return strdup(err->text);
}

int lc_error_errno(const struct lc_error *err)
{
    return err->errnum;
}

int lc_error_status(const struct lc_error *err)
{
    return err->status;
}

const char *lc_error_object(const struct lc_error *err)
{
    return err->object;
}

const char *lc_error_pointer(const struct lc_error *err)
{
    (void)err;
    return NULL;
}

const struct lc_error *lc_error_next(const struct lc_error *err)
{
    return err->next;
}

void lc_error_free(struct lc_error *err)
{
    while (err != NULL) {
        struct lc_error *next = err->next;

        free(err);
        err = next;
    }
}

int lc_runtime_load_bundle(
        struct lc_runtime *runtime, const char *bundle, struct lc_config **ret, struct lc_error **err)
{
    int r = outcome(__func__, err);

    (void)runtime;
    record(__func__, json_pack("{s:s?}", "bundle", bundle));
    if (r < 0)
        return r;
    *ret = calloc(1, sizeof(**ret));
    if (*ret == NULL)
        return -ENOMEM;
    (*ret)->tty = getenv("FAKE_TTY") != NULL;
    return 0;
}

int lc_config_parse_oci(const char *text, size_t length, const char *name, const char *bundle,
        struct lc_config **ret, struct lc_error **err)
{
    int r = outcome(__func__, err);

    record(__func__, json_pack("{s:s%,s:s,s:s?}", "text", text, length, "name", name, "bundle", bundle));
    if (r == 0)
        *ret = calloc(1, sizeof(**ret));
    return r == 0 && *ret == NULL ? -ENOMEM : r;
}

bool lc_config_tty(const struct lc_config *config)
{
    return config->tty;
}

void lc_config_free(struct lc_config *config)
{
    free(config);
}

static int answer(const char *function, json_t *line, const char *text, char **ret, struct lc_error **err)
{
    int r = outcome(function, err);

    record(function, line);
    if (r == 0)
        *ret = strdup(text);
    return r;
}

int lc_config_default_oci(bool rootless, char **ret_json, struct lc_error **err)
{
    return answer(__func__, json_pack("{s:b}", "rootless", rootless), "{\"ociVersion\": \"1.3.0\"}\n",
            ret_json, err);
}

int lc_features(char **ret_json, struct lc_error **err)
{
    return answer(__func__, json_object(), "{\"ociVersionMax\":\"1.3.0\"}", ret_json, err);
}

int lc_runtime_open(const struct lc_runtime_options *options, struct lc_runtime **ret, struct lc_error **err)
{
    int r = outcome(__func__, err);

    record(__func__, json_pack("{s:s?,s:i}", "root", options->root, "flags", (int)options->flags));
    if (options->flags & LC_LOG_STEPS)
        options->log(options->log_data, "a step");
    if (getenv("FAKE_WARN") != NULL)
        options->log(options->log_data, "warning: a \"warning\"");
    *ret = r == 0 ? calloc(1, sizeof(**ret)) : NULL;
    return r;
}

void lc_runtime_free(struct lc_runtime *runtime)
{
    free(runtime);
}

static json_t *of_create(const char *id, const struct lc_create_options *options)
{
    return json_pack("{s:s,s:s?,s:s?,s:s?,s:s?,s:[iii],s:i,s:i,s:i}", "id", id, "console_socket",
            options->console_socket, "pid_file", options->pid_file, "pidfd_socket", options->pidfd_socket,
            "notify_socket", options->notify_socket, "stdio", options->stdio[0], options->stdio[1],
            options->stdio[2], "preserve_fds", (int)options->preserve_fds, "listen_fds",
            (int)options->listen_fds, "flags", (int)options->flags);
}

int lc_container_create(struct lc_runtime *runtime, const char *id, const struct lc_config *config,
        const struct lc_create_options *options, struct lc_error **err)
{
    (void)runtime;
    (void)config;
    record(__func__, of_create(id, options));
    return outcome(__func__, err);
}

/* A child with a signal mask of its own, as the real one has. */
static int start_process(bool tty, struct lc_process **ret)
{
    const char *command = getenv("FAKE_RUN");
    struct lc_process *process = calloc(1, sizeof(*process));
    sigset_t none;

    if (process == NULL)
        return -ENOMEM;
    process->console = -1;
    process->pid = tty ? forkpty(&process->console, NULL, NULL, NULL) : fork();
    if (process->pid == 0) {
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        (void)execl("/bin/sh", "sh", "-c", command != NULL ? command : "exit 0", NULL);
        _exit(126);
    }
    if (process->console >= 0)
        (void)fcntl(process->console, F_SETFL, O_NONBLOCK);
    process->pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
    *ret = process;
    return 0;
}

int lc_container_run(struct lc_runtime *runtime, const char *id, const struct lc_config *config,
        const struct lc_create_options *options, struct lc_process **ret, struct lc_error **err)
{
    int r = outcome(__func__, err);

    (void)runtime;
    record(__func__, of_create(id, options));
    return r < 0 ? r : start_process(config->tty, ret);
}

static json_t *strings(const char *const *items)
{
    json_t *ret = json_array();

    for (; items != NULL && *items != NULL; items++)
        (void)json_array_append_new(ret, json_string(*items));
    return ret;
}

int lc_container_exec(struct lc_runtime *runtime, const char *id, const struct lc_exec_options *options,
        struct lc_process **ret, struct lc_error **err)
{
    json_t *gids = json_array();
    int r = outcome(__func__, err);

    (void)runtime;
    for (size_t i = 0; i < options->n_additional_gids; i++)
        (void)json_array_append_new(gids, json_integer(options->additional_gids[i]));
    record(__func__,
            json_pack("{s:s,s:s?,s:s?,s:o,s:s?,s:s?,s:o,s:o,s:o,s:s?,s:s?,s:s?,s:s?,s:s?,s:s?,s:i,s:i,s:b}",
                    "id", id, "process", options->process, "process_name", options->process_name, "argv",
                    strings(options->argv), "cwd", options->cwd, "user", options->user, "env",
                    strings(options->env), "capabilities", strings(options->capabilities), "additional_gids",
                    gids, "apparmor", options->apparmor, "process_label", options->process_label, "cgroup",
                    options->cgroup, "console_socket", options->console_socket, "pid_file", options->pid_file,
                    "pidfd_socket", options->pidfd_socket, "preserve_fds", (int)options->preserve_fds,
                    "flags", (int)options->flags, "waited_for", ret != NULL));
    if (r < 0 || ret == NULL)
        return r;
    return start_process((options->flags & LC_EXEC_TTY) != 0, ret);
}

int lc_process_pidfd(const struct lc_process *process)
{
    return process->pidfd;
}

pid_t lc_process_pid(const struct lc_process *process)
{
    return process->pid;
}

int lc_process_console(const struct lc_process *process)
{
    return process->console;
}

int lc_process_signal(struct lc_process *process, int signal)
{
    record(__func__, json_pack("{s:i}", "signal", signal));
    return kill(process->pid, signal) < 0 ? -errno : 0;
}

int lc_process_guard(struct lc_process *process, struct lc_error **err)
{
    (void)process;
    record(__func__, json_object());
    return outcome(__func__, err);
}

int lc_process_wait(struct lc_process *process, int *ret_status, struct lc_error **err)
{
    int status = 0;

    record(__func__, json_object());
    if (waitpid(process->pid, &status, 0) < 0)
        return -errno;
    *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return outcome(__func__, err);
}

int lc_process_delete(struct lc_process *process, struct lc_error **err)
{
    (void)process;
    record(__func__, json_object());
    return outcome(__func__, err);
}

void lc_process_free(struct lc_process *process)
{
    if (process != NULL) {
        (void)close(process->pidfd);
        if (process->console >= 0)
            (void)close(process->console);
    }
    free(process);
}

#define BY_ID(function)                                                                                      \
    int function(struct lc_runtime *runtime, const char *id, struct lc_error **err)                          \
    {                                                                                                        \
        (void)runtime;                                                                                       \
        record(__func__, json_pack("{s:s}", "id", id));                                                      \
        return outcome(__func__, err);                                                                       \
    }
BY_ID(lc_container_start)
BY_ID(lc_container_pause)
BY_ID(lc_container_resume)

int lc_container_kill(
        struct lc_runtime *runtime, const char *id, int signal, unsigned int flags, struct lc_error **err)
{
    (void)runtime;
    record(__func__, json_pack("{s:s,s:i,s:i}", "id", id, "signal", signal, "flags", (int)flags));
    return outcome(__func__, err);
}

int lc_container_delete(struct lc_runtime *runtime, const char *id, unsigned int flags, struct lc_error **err)
{
    (void)runtime;
    record(__func__, json_pack("{s:s,s:i}", "id", id, "flags", (int)flags));
    return outcome(__func__, err);
}

#define STATE                                                                                                \
    "{\"created\":\"2026-01-02T03:04:05.6Z\",\"owner\":\"root\",\"pid\":42,\"id\":\"one\",\"ociVersion\":"   \
    "\"1.3.0\","                                                                                             \
    "\"status\":\"running\",\"rootfs\":\"/b/rootfs\",\"bundle\":\"/a/rather/long/bundle\"}"

int lc_container_state(struct lc_runtime *runtime, const char *id, char **ret_json, struct lc_error **err)
{
    (void)runtime;
    return answer(__func__, json_pack("{s:s}", "id", id), STATE, ret_json, err);
}

int lc_container_list(struct lc_runtime *runtime, char **ret_json, struct lc_error **err)
{
    (void)runtime;
    return answer(
            __func__, json_object(), getenv("FAKE_EMPTY") != NULL ? "[]" : "[" STATE "]", ret_json, err);
}

int lc_container_processes(struct lc_runtime *runtime, const char *id, pid_t **ret_pids, size_t *ret_count,
        struct lc_error **err)
{
    int r = outcome(__func__, err);

    (void)runtime;
    record(__func__, json_pack("{s:s}", "id", id));
    *ret_pids = r == 0 ? calloc(2, sizeof(pid_t)) : NULL;
    if (r < 0 || *ret_pids == NULL)
        return r;
    (*ret_pids)[0] = getpid();
    (*ret_pids)[1] = getppid();
    *ret_count = 2;
    return 0;
}

int lc_container_update(struct lc_runtime *runtime, const char *id, const struct lc_update_options *options,
        struct lc_error **err)
{
    (void)runtime;
    record(__func__,
            json_pack("{s:s,s:s,s:s?,s:s?,s:s?}", "id", id, "resources", options->resources, "name",
                    options->name, "l3", options->l3_cache_schema, "mb", options->memory_bandwidth_schema));
    return outcome(__func__, err);
}

int lc_container_stats(struct lc_runtime *runtime, const char *id, char **ret_json, struct lc_error **err)
{
    (void)runtime;
    return answer(__func__, json_pack("{s:s}", "id", id), "{\"pids\":{\"current\":1}}", ret_json, err);
}

/* $FAKE_OOM is a fifo: an "o" is an event. $FAKE_PID is the container's first process. */
struct lc_events {
    int epoll, oom, process;
    char id[256];
};

static void watch(const struct lc_events *events, int fd)
{
    struct epoll_event event = { .events = EPOLLIN };

    if (fd >= 0 && epoll_ctl(events->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        abort();
}

int lc_events_open(struct lc_runtime *runtime, const char *id, const struct lc_events_options *options,
        struct lc_events **ret, struct lc_error **err)
{
    const char *oom = getenv("FAKE_OOM"), *pid = getenv("FAKE_PID");
    int r = outcome(__func__, err);
    struct lc_events *events;

    (void)runtime;
    record(__func__, json_pack("{s:s,s:s?}", "id", id, "pressure", options->pressure));
    if (r < 0)
        return r;
    events = calloc(1, sizeof(*events));
    if (events == NULL)
        return -ENOMEM;
    (void)snprintf(events->id, sizeof(events->id), "%s", id);
    events->epoll = epoll_create1(EPOLL_CLOEXEC);
    events->oom = oom != NULL ? open(oom, O_RDWR | O_NONBLOCK | O_CLOEXEC) : -1;
    events->process = (int)syscall(SYS_pidfd_open, pid != NULL ? atoi(pid) : getppid(), 0);
    watch(events, events->oom);
    watch(events, events->process);
    *ret = events;
    return 0;
}

int lc_events_fd(const struct lc_events *events)
{
    return events->epoll;
}

int lc_events_next(struct lc_events *events, char **ret_json)
{
    struct pollfd process = { .fd = events->process, .events = POLLIN };
    char byte;

    if (read(events->oom, &byte, 1) == 1 && byte == 'o')
        return asprintf(ret_json, "{\"type\":\"oom\",\"id\":\"%s\"}", events->id) < 0 ? -ENOMEM : 1;
    return poll(&process, 1, 0) > 0 ? -ESRCH : 0;
}

void lc_events_free(struct lc_events *events)
{
    (void)close(events->epoll);
    (void)close(events->oom);
    (void)close(events->process);
    free(events);
}
