/* Hooks of the runtime's own side: the child program runs them, in the host's namespaces, by a plan without a container. */
#include "runtime.h"

#include <base/util.h>
#include <lcsys/syscalls.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1U
#endif

int state_file(const struct container *container, const struct lc_config *config, enum status status,
        struct lc_error **err)
{
    pid_t pid = status == STATUS_STOPPED ? 0 : container->record.init.pid;
    CLEAN_FREE char *text = oci_state_json(container, config, status, pid, false);
    CLEAN_FD int fd = sys_memfd_create("state", MFD_CLOEXEC);

    if (text == NULL || fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
            lseek(fd, 0, SEEK_SET) < 0)
        return error_raise(err,
                &(struct error_site){ .stage = "hooks",
                        .syscall = "memfd_create",
                        .errnum = text == NULL ? ENOMEM
                                  : fd < 0     ? -fd
                                               : errno },
                NULL);
    return fd_take(&fd);
}

/* `needed`: a pidfd without whose process they are for nothing, or -1. */
static int run(const struct container *container, const struct lc_plan *plan, int state, int needed,
        struct lc_error **err)
{
    const int stdio[3] = { -1, -1, -1 };
    struct session session;
    int given[PLAN_GIVEN_MAX], r;

    session_init(&session, container->log);
    session.plan = plan;
    session.stage = "hooks";
    session.patient = true;
    session.meanwhile = needed;
    r = given_open(plan, 0, &state, given, err);
    if (r < 0)
        return r;
    r = session_start(&session, stdio, given, -1, err);
    if (r == 0)
        r = session_until(&session, WIRE_READY, err);
    /* Nobody listens any more: that ends the hook too, which our SIGKILL would leave alone. */
    if (r < 0 && session.pid > 0)
        (void)shutdown(session.socket, SHUT_RDWR);
    if (session.pid > 0)
        (void)wait_process(session.pid, session.pidfd, NULL);
    session.pid = -1;
    given_close(given, plan->n_given);
    if (r < 0)
        session_abort(&session);
    else
        session_close(&session);
    return r;
}

int hooks_run(const struct container *container, const struct lc_config *config, enum config_hook_kind kind,
        enum status status, struct lc_error **err)
{
    struct lc_plan *plan = NULL;
    bool goes_on = plan_hooks_go_on(config, kind);
    struct lc_error *failure = NULL;
    CLEAN_FD int state = -EBADF, init = -EBADF;
    int r;

    if (config->oci.hooks[kind].count == 0)
        return 0;
    if (goes_on)
        err = &failure;
    state = state_file(container, config, status, err);
    r = state < 0 ? state : plan_hooks(config, kind, container->record.oci.bundle, &plan, err);
    if (kind == HOOK_PRESTART || kind == HOOK_CREATE_RUNTIME)
        init = identity_open(&container->record.init);
    if (r == 0)
        r = run(container, plan, state, init, err);
    plan_free(plan);
    log_line(container->log, "hooks %s: %s", config_hook_names[kind], r < 0 ? "failed" : "ok");
    if (goes_on && r < 0) {
        CLEAN_FREE char *text = error_format(failure);

        log_warning(container->log, "%s", text != NULL ? text : "a hook failed");
        r = 0;
    }
    error_free(failure);
    return r;
}
