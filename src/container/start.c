/* `start`: the child listens on a socket beside the record, and answers on it why its program does not run. */
#include "final.h"
#include "journal.h"
#include "runtime.h"

#include <base/util.h>
#include <oci/oci.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define END_TIMEOUT_MS 10000

static struct sockaddr_un start_address(const struct container *container)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char name[COMPANION_MAX];

    oci_companion(container, "start", name, sizeof(name));
    (void)snprintf(
            address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", container->state_fd, name);
    return address;
}

static int fail(struct lc_error **err, const char *call, int errnum)
{
    return error_raise(err,
            &(struct error_site){ .stage = "start", .syscall = call, .object = "start", .errnum = errnum },
            NULL);
}

int start_listen(const struct container *container, struct lc_error **err)
{
    struct sockaddr_un address = start_address(container);
    CLEAN_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    /* Left by one whose record somebody has removed by hand. */
    (void)unlink(address.sun_path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4) < 0)
        return fail(err, "bind", errno);
    return fd_take(&fd);
}

/* The listener of seccomp goes to who is to decide, with what the specification calls the container process state. */
static int pass_listener(const struct container *container, const struct lc_config *config,
        const struct session *session, struct lc_error **err)
{
    const struct config_seccomp *seccomp = &config->oci.seccomp;
    CLEAN_FREE char *state =
            oci_state_json(container, config, oci_status(container), container->record.init.pid, false);
    pid_t pid = session->pid > 0 ? session->pid : container->record.init.pid;
    struct buffer out = { 0 };
    CLEAN_FREE char *text = NULL;

    if (seccomp->listener_path == NULL)
        return error_raise(err,
                &(struct error_site){
                        .stage = "seccomp", .pointer = "/linux/seccomp/listenerPath", .errnum = EINVAL },
                "there is nobody to send the listener to");
    buffer_text(&out, "{\"ociVersion\": ");
    buffer_json_string(&out, config->oci.version);
    buffer_printf(&out, ", \"fds\": [\"seccompFd\"], \"pid\": %d, \"metadata\": ", (int)pid);
    buffer_json_string(&out, seccomp->listener_metadata != NULL ? seccomp->listener_metadata : "");
    buffer_printf(&out, ", \"state\": %s}", state != NULL ? state : "{}");
    text = buffer_take_text(&out);
    if (text == NULL || state == NULL)
        return fail(err, "malloc", ENOMEM);
    return send_descriptor(seccomp->listener_path, session->listener, text, strlen(text),
            "failed to connect with seccomp agent", "/linux/seccomp/listenerPath", err);
}

int start_finish(struct container *container, const struct lc_config *config, struct session *session,
        struct lc_error **err)
{
    int r = 0;

    if (config != NULL && session->wants_listener)
        r = session_until(session, WIRE_NOTIFY, err);
    if (r == 0 && session->listener >= 0)
        r = pass_listener(container, config, session, err);
    /* When whoever decides is gone, so must the listener be: calls then fail instead of waiting for ever. */
    fd_close(&session->listener);
    return r < 0 ? r : session_until(session, WIRE_READY, err);
}

static int connect_child(const struct container *container, struct lc_error **err)
{
    struct sockaddr_un address = start_address(container);
    CLEAN_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return fail(err, "connect", errno);
    return fd_take(&fd);
}

int start_send(const struct container *container, const struct lc_config *config, int socket_fd,
        struct lc_error **err)
{
    struct wire_message message = { .type = WIRE_START };
    CLEAN_FD int state = -EBADF;
    int r;

    message.op = signals_ignored();
    if (config != NULL && config->oci.hooks[HOOK_START_CONTAINER].count > 0) {
        state = state_file(container, config, STATUS_CREATED, err);
        if (state < 0)
            return state;
    }
    r = wire_send(socket_fd, &message, state);
    /* A child that has died says why itself. */
    return r == -EPIPE || r == -ECONNRESET ? 0 : r < 0 ? fail(err, "sendmsg", -r) : 0;
}

/* Whoever is told that the program does not run, finds the container stopped. */
static void await_end(const struct container *container)
{
    CLEAN_FD int pidfd = identity_open(&container->record.init);

    if (pidfd >= 0)
        (void)identity_await(&container->record.init, pidfd, &container->record.groups, END_TIMEOUT_MS);
}

static int start(struct container *container, const struct lc_config *config, struct lc_error **err)
{
    struct session session;
    bool sent = false;
    int r;

    session_init(&session, container->log);
    session.stage = "start";
    session.patient = true;
    session.wants_listener = container->record.oci.listener;
    session.socket = r = connect_child(container, err);
    if (r >= 0)
        r = start_send(container, config, session.socket, err);
    sent = r == 0;
    if (sent)
        r = start_finish(container, config, &session, err);
    session_close(&session);
    if (sent && r < 0)
        await_end(container);
    if (r == 0)
        (void)unlink(start_address(container).sun_path);
    return r;
}

int start_poststart(
        struct container *container, const struct lc_config *config, bool remove, struct lc_error **err)
{
    int r;

    container_unlock(container);
    r = config != NULL ? hooks_run(container, config, HOOK_POSTSTART, STATUS_RUNNING, err) : 0;
    if (r < 0)
        (void)oci_end(container, remove, NULL);
    return r;
}

int refuse_start(struct lc_error **err)
{
    return error_raise(err,
            &(struct error_site){ .stage = "start",
                    .pointer = "/process",
                    .errnum = EINVAL,
                    .hint = "config.json needs a process by the time that the container is created" },
            "there is no process to run");
}

static int check_created(const struct container *container, struct lc_error **err)
{
    enum status status = oci_status(container);

    if (status == STATUS_CREATED)
        return container->record.oci.no_process ? refuse_start(err) : 0;
    if (status == STATUS_STOPPED)
        return error_raise(err, &(struct error_site){ .stage = "start", .errnum = EINVAL },
                "cannot start a container that has stopped");
    return error_raise(err, &(struct error_site){ .stage = "start", .errnum = EINVAL },
            "cannot start an already running container (it is %s)", status_name(status));
}

int lc_container_start(struct lc_runtime *runtime, const char *id, struct lc_error **err)
{
    const uint32_t needs_config = 1u << HOOK_START_CONTAINER | 1u << HOOK_POSTSTART;
    struct container container;
    struct lc_config *config = NULL;
    int r = oci_open_locked(runtime, id, &container, err);

    if (r < 0)
        return r;
    r = check_created(&container, err);
    if (r == 0 && ((container.record.oci.hooks & needs_config) != 0 || container.record.oci.listener))
        r = oci_config(&container, &config, err);
    if (r == 0)
        r = start(&container, config, err);
    if (r < 0)
        final_blame(&container, err != NULL ? *err : NULL);
    if (r == 0)
        journal_write_pid(&container, "start", container.record.init.pid);
    if (r == 0)
        r = start_poststart(&container, config, false, err);
    if (r < 0 && config != NULL && err != NULL)
        locate_errors(config, *err);
    lc_config_free(config);
    container_close(&container);
    return r;
}
