/* The public functions: thin, so that the rooms behind them can change. */
#include "final.h"
#include "journal.h"

#include <base/util.h>
#include <security/apparmor.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* How often a call may meet a container in the moment of its end. */
#define ENDING_TRIES 20
#define ENDING_MS 100

const char *lc_version(void)
{
    return LC_VERSION;
}

char *lc_error_format(const struct lc_error *err)
{
    return error_format(err);
}

int lc_error_errno(const struct lc_error *err)
{
    return error_site(err)->errnum;
}

int lc_error_status(const struct lc_error *err)
{
    static const int statuses[] = { 125, 126, 127 };

    return statuses[error_site(err)->kind];
}

const char *lc_error_pointer(const struct lc_error *err)
{
    return error_site(err)->pointer;
}

const char *lc_error_object(const struct lc_error *err)
{
    return error_site(err)->object;
}

void lc_error_position(const struct lc_error *err, int *ret_line, int *ret_column)
{
    if (ret_line != NULL)
        *ret_line = error_site(err)->line;
    if (ret_column != NULL)
        *ret_column = error_site(err)->column;
}

const struct lc_error *lc_error_next(const struct lc_error *err)
{
    return error_next(err);
}

void lc_error_free(struct lc_error *err)
{
    error_free(err);
}

static int config_options(
        const struct lc_config_options *given, struct config_options *ret, struct lc_error **err)
{
    if (given != NULL && given->size != sizeof(*given))
        return error_raise(err, &(struct error_site){ .stage = "config", .errnum = EINVAL },
                "struct lc_config_options has a size that this library does not know");
    ret->lenient = given != NULL && given->lenient;
    return 0;
}

int lc_config_load(const char *path, const struct lc_config_options *options, struct lc_config **ret,
        struct lc_error **err)
{
    struct config_options internal;
    int r = config_options(options, &internal, err);

    return r < 0 ? r : config_load(AT_FDCWD, path, path, &internal, ret, err);
}

int lc_config_parse(const char *text, size_t length, const char *name,
        const struct lc_config_options *options, struct lc_config **ret, struct lc_error **err)
{
    struct config_options internal;
    int r = config_options(options, &internal, err);

    return r < 0 ? r : config_parse(text, length, name, &internal, ret, err);
}

bool lc_config_tty(const struct lc_config *config)
{
    return config->tty;
}

void lc_config_free(struct lc_config *config)
{
    config_free(config);
}

const char *lc_config_default(void)
{
    return config_default_json();
}

static int take_options(const struct lc_options *given, struct lc_options *ret, struct lc_error **err)
{
    int r = options_take(given, ret, &options_kinds[OPTIONS_EXEC], err);

    if (r == 0 && (ret->argv == NULL || ret->argv[0] == NULL || ret->argv[0][0] == '\0'))
        r = error_raise(
                err, &(struct error_site){ .stage = "options", .errnum = EINVAL }, "there is no command");
    return r;
}

/* Line and column are looked up only now, when somebody will read them. */
void locate_errors(const struct lc_config *config, struct lc_error *err)
{
    for (struct lc_error *at = err; at != NULL; at = (struct lc_error *)error_next(at)) {
        const struct error_site *site = error_site(at);
        struct error_site place = { .file = config->file };

        if (site->pointer == NULL || site->line != 0 ||
                config_locate(config->text, config->length, site->pointer, &place.line, &place.column) < 0)
            continue;
        error_place(at, &place);
    }
}

/* What a dying process looks like before it is seen to be dead. */
static bool looks_ended(const struct lc_error *err)
{
    int errnum = err != NULL ? error_site(err)->errnum : 0;

    return err != NULL && error_site(err)->kind == ERROR_GENERIC &&
           (errnum == ENOENT || errnum == ESRCH || errnum == ENOMEM || errnum == EPIPE);
}

/* The process would stand still in the middle of its way in. */
static int check_frozen(const struct container *container, struct lc_error **err)
{
    if (cgroup_frozen(&container->record.groups) <= 0)
        return 0;
    return error_raise(err,
            &(struct error_site){ .stage = "join", .errnum = EBUSY, .hint = "`nsinit resume` lets it go on" },
            "the container is paused");
}

static int start_or_join(struct lc_process *process, const struct lc_config *config,
        const struct lc_options *options, struct lc_error **err)
{
    struct container *container = &process->container;
    int r;

    for (int tries = 0;; tries++) {
        struct lc_error *failure = NULL;

        session_init(&process->session, &process->log);
        r = container_settle(container, err);
        if (r < 0)
            break;
        process->joined = r > 0;
        if (!process->joined) {
            r = container_create(container, config, options, &process->session, err);
            if (r == 0)
                journal_write_pid(container, "start", process->session.pid);
            break;
        }
        r = check_frozen(container, &failure);
        if (r == 0)
            r = container_join(container, config, options, &process->session, &failure);
        container_unlock(container);
        if (r == 0)
            journal_write_pid(container, "exec", process->session.pid);
        /* It was ending while we entered: then there is no container, and this is the start of the next one. */
        if (r < 0 && tries < ENDING_TRIES &&
                container_ended(container, looks_ended(failure) ? ENDING_MS : 0)) {
            lc_error_free(failure);
            continue;
        }
        error_append(err, failure);
        break;
    }
    container_unlock(container);
    return r;
}

int lc_exec(const struct lc_config *config, const struct lc_options *given, struct lc_process **ret,
        struct lc_error **err)
{
    struct lc_options options;
    struct lc_process *process;
    int r = take_options(given, &options, err);

    if (r < 0)
        return r;
    process = calloc(1, sizeof(*process));
    if (process == NULL)
        return error_raise(err, &(struct error_site){ .errnum = ENOMEM }, NULL);
    process->log = (struct log){ options.log, options.log_data, (options.flags & LC_LOG_STEPS) != 0 };
    r = container_open(&process->container, options.root, options.rootfs, &process->log, err);
    process->container.wants_final = (options.flags & LC_FINAL_STATS) != 0;
    if (r == 0)
        r = start_or_join(process, config, &options, err);
    if (r < 0) {
        if (err != NULL)
            locate_errors(config, *err);
        container_close(&process->container);
        free(process);
        return r;
    }
    fd_close(&process->session.socket);
    *ret = process;
    return 0;
}

pid_t lc_process_pid(const struct lc_process *process)
{
    return process->session.pid;
}

int lc_process_pidfd(const struct lc_process *process)
{
    return process->session.pidfd >= 0 ? process->session.pidfd : -1;
}

int lc_process_console(const struct lc_process *process)
{
    return process->session.console >= 0 ? process->session.console : -1;
}

bool lc_process_joined(const struct lc_process *process)
{
    return process->joined;
}

int lc_process_signal(struct lc_process *process, int signal)
{
    return process->waited ? -ESRCH : signal_process(process->session.pid, process->session.pidfd, signal);
}

int lc_process_guard(struct lc_process *process, struct lc_error **err)
{
    if (process->waited)
        return 0;
    return guard_start(&process->session.guard, process->session.pidfd,
            process->joined || process->bare ? NULL : &process->container, err);
}

/* Everything that its end brings with it, whether or not it is known how it ended (status -1). */
static int take_end(struct lc_process *process, struct lc_error **err)
{
    int r = wait_process_usage(
            process->session.pid, process->session.pidfd, &process->status, &process->usage);

    if (r == -ECHILD)
        process->status = -1;
    else if (r < 0)
        return error_raise(
                err, &(struct error_site){ .stage = "wait", .syscall = "waitid", .errnum = -r }, NULL);
    guard_end(&process->session.guard);
    process->waited = true;
    if (process->status == 128 + SIGKILL)
        final_explain(&process->container, !process->joined);
    process->container.status = process->status;
    process->container.usage = &process->usage;
    if (process->keeps_final || (process->bare && !process->joined && journal_is_read(&process->container)))
        final_record(&process->container, process->status, &process->usage);
    return process->joined || process->bare ? 0 : container_end(&process->container, err);
}

int lc_process_wait(struct lc_process *process, int *ret_status, struct lc_error **err)
{
    int r = process->waited ? 0 : take_end(process, err);

    if (!process->waited)
        return r;
    if (process->status < 0)
        return raise_reaped(err);
    *ret_status = process->status;
    return r;
}

/* Of a process that joined: what it has used itself; the container goes on. */
int lc_process_stats(const struct lc_process *process, char **ret_json, struct lc_error **err)
{
    static const struct container nowhere;
    char *text;

    if (!process->waited)
        return refuse(err, "stats", EBUSY, "the process has not been waited for");
    if (process->joined)
        text = final_json(&nowhere, process->status, &process->usage);
    else if (process->container.final != NULL)
        text = strdup(process->container.final);
    else if (process->container.record.oci.final != NULL)
        text = strdup(process->container.record.oci.final);
    else
        return refuse(err, "stats", ENODATA, "nobody has asked for them: LC_FINAL_STATS, LC_RECORD_END");
    if (text == NULL)
        return refuse(err, "stats", ENOMEM, "no memory for the numbers");
    *ret_json = text;
    return 0;
}

void lc_process_free(struct lc_process *process)
{
    int status;

    if (process == NULL)
        return;
    if (!process->waited) {
        (void)lc_process_signal(process, SIGKILL);
        (void)lc_process_wait(process, &status, NULL);
    }
    session_close(&process->session);
    container_close(&process->container);
    free(process);
}

int lc_plan_text(const struct lc_config *config, const struct lc_options *given, char **ret_text,
        struct lc_error **err)
{
    struct container container = {
        .root_fd = -EBADF, .state_fd = -EBADF, .lock_fd = -EBADF, .mark_fd = -EBADF
    };
    struct lc_options options;
    struct lc_plan *plan = NULL;
    struct buffer out = { 0 };
    int r = take_options(given, &options, err);

    if (r < 0)
        return r;
    if (realpath(options.root != NULL ? options.root : ".", container.root) == NULL ||
            realpath(options.rootfs != NULL ? options.rootfs : ".", container.rootfs) == NULL)
        return error_raise(
                err, &(struct error_site){ .stage = "plan", .syscall = "realpath", .errnum = errno }, NULL);
    r = plan_for(&container, config, &options, &plan, err);
    if (r < 0) {
        if (err != NULL)
            locate_errors(config, *err);
        return r;
    }
    plan_print(plan, &out);
    plan_free(plan);
    *ret_text = buffer_take_text(&out);
    return *ret_text != NULL ? 0 : error_raise(err, &(struct error_site){ .errnum = ENOMEM }, NULL);
}

int lc_state(const char *root, char **ret_json, struct lc_error **err)
{
    static const struct log quiet;
    struct container container;
    char *text = NULL;
    int r = container_open(&container, root, NULL, &quiet, err);

    if (r == 0)
        r = container_settle(&container, err);
    if (r >= 0) {
        text = record_format(&container, r > 0 ? status_name(container_status(&container)) : "stopped");
        r = text != NULL ? 0 : error_raise(err, &(struct error_site){ .errnum = ENOMEM }, NULL);
    }
    container_close(&container);
    if (r == 0)
        *ret_json = text;
    return r;
}

const char *lc_apparmor_profile(void)
{
    return apparmor_default_profile();
}

int lc_apparmor_load(struct lc_error **err)
{
    return apparmor_load(err);
}
