/* The connection to systemd by way of the bus, and waiting for its jobs. */
#include "helper.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVICE "org.freedesktop.systemd1"
#define OBJECT "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"

/* The library's patience ends earlier; this is for when nobody is left who has any. */
#define CALL_TIMEOUT_USEC (60ull * 1000 * 1000)

int bus_open(struct helper *helper, const char *address)
{
    int r;

    say_call(helper, "connect");
    r = sd_bus_new(&helper->bus);
    if (r >= 0)
        r = sd_bus_set_address(helper->bus, address);
    if (r >= 0)
        r = sd_bus_set_bus_client(helper->bus, 1);
    if (r >= 0)
        r = sd_bus_set_method_call_timeout(helper->bus, CALL_TIMEOUT_USEC);
    if (r >= 0)
        r = sd_bus_start(helper->bus);
    /* The first answer, to Hello, says whether anybody is there. */
    while (r >= 0 && sd_bus_is_ready(helper->bus) == 0) {
        r = sd_bus_process(helper->bus, NULL);
        if (r == 0)
            r = sd_bus_wait(helper->bus, CALL_TIMEOUT_USEC);
    }
    return r < 0 ? fail(helper, -r, "no connection to D-Bus at %s: %s", address, strerror(-r)) : 0;
}

int bus_message(struct helper *helper, const char *method, sd_bus_message **ret)
{
    return sd_bus_message_new_method_call(helper->bus, ret, SERVICE, OBJECT, MANAGER, method);
}

int bus_call(struct helper *helper, const char *method, sd_bus_message *message, sd_bus_error *error,
        sd_bus_message **ret)
{
    int r;

    say_call(helper, method);
    r = sd_bus_call(helper->bus, message, 0, error, ret);
    if (r < 0)
        return fail(helper, -r, "%s", error->message != NULL ? error->message : strerror(-r));
    return 0;
}

const char *bus_unit_interface(const char *unit)
{
    const char *type = strrchr(unit, '.');

    return type != NULL && strcmp(type, ".slice") == 0 ? SERVICE ".Slice" : SERVICE ".Scope";
}

int bus_unit_text(
        struct helper *helper, const char *unit, const char *interface, const char *property, char **ret)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    char *path = NULL;
    int r = sd_bus_path_encode(OBJECT "/unit", unit, &path);

    say_call(helper, property);
    if (r >= 0)
        r = sd_bus_get_property_string(helper->bus, SERVICE, path, interface, property, &error, ret);
    if (r < 0)
        r = fail(helper, -r, "%s", error.message != NULL ? error.message : strerror(-r));
    sd_bus_error_free(&error);
    free(path);
    return r < 0 ? r : 0;
}

static int job_removed(sd_bus_message *message, void *data, sd_bus_error *error)
{
    struct job *job = data;
    struct ended *ended;
    const char *path, *unit, *result;
    uint32_t id;

    (void)error;
    if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) < 0 ||
            (job->path != NULL && strcmp(job->path, path) != 0))
        return 0;
    ended = calloc(1, sizeof(*ended));
    if (ended == NULL)
        return -ENOMEM;
    ended->path = strdup(path);
    ended->result = strdup(result);
    ended->next = job->ended;
    job->ended = ended;
    return ended->path == NULL || ended->result == NULL ? -ENOMEM : 0;
}

int job_listen(struct helper *helper, struct job *job)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *message = NULL, *reply = NULL;
    int r;

    say_call(helper, "AddMatch");
    r = sd_bus_match_signal_async(
            helper->bus, &job->slot, SERVICE, OBJECT, MANAGER, "JobRemoved", job_removed, NULL, job);
    if (r < 0)
        return fail(helper, -r, "%s", strerror(-r));
    /* Without it systemd sends no signals. A second time it says that we have subscribed already. */
    r = bus_message(helper, "Subscribe", &message);
    if (r >= 0)
        r = bus_call(helper, "Subscribe", message, &error, &reply);
    if (r < 0 && sd_bus_error_has_name(&error, "org.freedesktop.systemd1.AlreadySubscribed"))
        r = 0;
    sd_bus_error_free(&error);
    sd_bus_message_unref(message);
    sd_bus_message_unref(reply);
    return r;
}

static const char *find_end(const struct job *job)
{
    for (const struct ended *ended = job->ended; ended != NULL; ended = ended->next) {
        if (strcmp(ended->path, job->path) == 0)
            return ended->result;
    }
    return NULL;
}

/* For the bus, or for the end of whoever waits for us. */
static int wait_for_bus(struct helper *helper)
{
    struct pollfd fds[] = { { .fd = helper->leaving ? -1 : helper->socket },
        { .fd = sd_bus_get_fd(helper->bus), .events = POLLIN } };
    int events = sd_bus_get_events(helper->bus);

    if (fds[1].fd < 0 || events < 0)
        return fds[1].fd < 0 ? fds[1].fd : events;
    fds[1].events = (short)events;
    if (poll(fds, 2, -1) < 0 && errno != EINTR)
        return -errno;
    if ((fds[0].revents & (POLLHUP | POLLERR)) != 0) {
        unit_leave(helper);
        _exit(0);
    }
    return 0;
}

int job_wait(struct helper *helper, struct job *job, sd_bus_message *answer, const char **ret_result)
{
    const char *path;
    int r = sd_bus_message_read(answer, "o", &path);

    if (r < 0)
        return fail(helper, -r, "systemd's answer is not a job");
    job->path = strdup(path);
    if (job->path == NULL)
        return fail(helper, ENOMEM, "no memory");
    say_call(helper, "JobRemoved");
    while ((*ret_result = find_end(job)) == NULL) {
        r = sd_bus_process(helper->bus, NULL);
        if (r == 0)
            r = wait_for_bus(helper);
        if (r < 0)
            return fail(helper, -r, "waiting for the job: %s", strerror(-r));
    }
    return 0;
}

void job_done(struct job *job)
{
    sd_bus_slot_unref(job->slot);
    while (job->ended != NULL) {
        struct ended *next = job->ended->next;

        free(job->ended->path);
        free(job->ended->result);
        free(job->ended);
        job->ended = next;
    }
    free(job->path);
}
