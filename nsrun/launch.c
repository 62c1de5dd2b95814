#include "launch.h"

#include <cli/files.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As sd_listen_fds(3): they are for the process whose pid stands beside them; who does not say, means us. */
static unsigned int listen_fds(void)
{
    const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
    char *end;
    long number;

    if (count == NULL || *count == '\0' || (pid != NULL && *pid != '\0' && atol(pid) != (long)getpid()))
        return 0;
    number = strtol(count, &end, 10);
    return *end == '\0' && number > 0 && number <= INT_MAX ? (unsigned int)number : 0;
}

static const char *notify_socket(void)
{
    const char *path = getenv("NOTIFY_SOCKET");

    return path != NULL && *path != '\0' ? path : NULL;
}

/* Another file in the place of the bundle's config.json; a relative path begins at the bundle. */
static int load_file(
        const struct call *call, const char *bundle, const char *file, struct lc_config **ret_config)
{
    struct lc_error *err = NULL;
    char *path = NULL, *text = NULL;
    int r = file[0] == '/' ? asprintf(&path, "%s", file)
                           : asprintf(&path, "%s/%s", bundle != NULL ? bundle : ".", file);

    if (r < 0)
        return report_text(call, "out of memory");
    r = file_read(path, &text);
    if (r < 0)
        r = report_text(call, "--config %s: %s", path, strerror(-r));
    else if ((r = lc_config_parse_oci(text, strlen(text), file, bundle, ret_config, &err)) < 0)
        r = report_failure(call, r, err);
    free(text);
    free(path);
    return r;
}

static int load(const struct call *call, const struct launch *launch, const char *bundle,
        struct lc_runtime *runtime, struct lc_config **ret_config)
{
    struct lc_error *err = NULL;
    int r;

    if (launch->config != NULL)
        return load_file(call, bundle, launch->config, ret_config);
    r = lc_runtime_load_bundle(runtime, bundle, ret_config, &err);
    return r < 0 ? report_failure(call, r, err) : 0;
}

int launch_prepare(
        const struct call *call, const struct launch *launch, bool detached, struct launched *launched)
{
    const char *bundle = launch->bundle != NULL && launch->bundle[0] != '\0' ? launch->bundle : NULL;
    int status;

    *launched = (struct launched){
        .options = {
            .size = sizeof(launched->options),
            .console_socket = launch->console_socket,
            .pid_file = launch->pid_file,
            .pidfd_socket = launch->pidfd_socket,
            .notify_socket = notify_socket(),
            .preserve_fds = launch->preserve_fds,
            .listen_fds = listen_fds(),
            .flags = (launch->no_pivot ? LC_NO_PIVOT : 0) | (launch->no_new_keyring ? LC_NO_NEW_KEYRING : 0) |
                     LC_PRESERVE_OPEN,
        },
    };
    memcpy(launched->options.stdio, call->stdio, sizeof(launched->options.stdio));
    status = runtime_open(call, &launched->runtime);
    if (status == 0)
        status = load(call, launch, bundle, launched->runtime, &launched->config);
    if (status == 0)
        status = foreground_check(call, detached, lc_config_tty(launched->config), launch->console_socket);
    return status;
}

void launch_release(struct launched *launched)
{
    lc_config_free(launched->config);
    lc_runtime_free(launched->runtime);
}
