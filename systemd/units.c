/* What can be asked for. */
#include "helper.h"

#include <cgroups/unit-protocol.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIT_INTERFACE "org.freedesktop.systemd1.Unit"
#define NO_SUCH_UNIT "org.freedesktop.systemd1.NoSuchUnit"
#define UNIT_EXISTS "org.freedesktop.systemd1.UnitExists"

int unit_open(struct helper *helper, const struct request *request)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    char *group = NULL;
    int r = bus_open(helper, request->lines[1]);

    if (r < 0)
        return r;
    say_call(helper, "ControlGroup");
    r = sd_bus_get_property_string(helper->bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
            "org.freedesktop.systemd1.Manager", "ControlGroup", &error, &group);
    if (r < 0)
        r = fail(helper, -r, "systemd does not answer on this bus: %s",
                error.message != NULL ? error.message : strerror(-r));
    else
        (void)snprintf(helper->answer, sizeof(helper->answer), UNIT_PROTOCOL "\n%s", group);
    sd_bus_error_free(&error);
    free(group);
    return r < 0 ? r : 0;
}

/* A method of the manager that takes one name. */
static int call_named(struct helper *helper, const char *method, const char *types, const char *unit,
        sd_bus_error *error, sd_bus_message **ret)
{
    sd_bus_message *message = NULL;
    int r = bus_message(helper, method, &message);

    if (r >= 0 && strcmp(types, "ss") == 0)
        r = sd_bus_message_append(message, "ss", unit, "replace");
    else if (r >= 0 && strcmp(types, "ssi") == 0)
        r = sd_bus_message_append(message, "ssi", unit, "all", 9);
    else if (r >= 0)
        r = sd_bus_message_append(message, "s", unit);
    if (r >= 0)
        r = bus_call(helper, method, message, error, ret);
    sd_bus_message_unref(message);
    return r;
}

/* A unit that has failed is kept until somebody says that he has seen it. */
static void reset_failed(struct helper *helper, const char *unit)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;

    (void)call_named(
            helper, "ResetFailedUnit", "s", unit, &error, &reply); /* most often it is gone already */
    sd_bus_error_free(&error);
    sd_bus_message_unref(reply);
}

static int append_properties(
        struct helper *helper, sd_bus_message *message, const struct request *request, size_t from)
{
    int r = sd_bus_message_open_container(message, 'a', "(sv)");

    for (size_t i = from; r >= 0 && i < request->count; i++) {
        char *copy = strdup(request->lines[i]);

        r = copy != NULL ? property_append(helper, message, copy) : -ENOMEM;
        free(copy);
    }
    return r < 0 ? r : sd_bus_message_close_container(message);
}

static int start_once(struct helper *helper, const struct request *request, struct job *job, bool *ret_exists)
{
    const char *unit = request->lines[1], *result = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *message = NULL, *reply = NULL;
    int r = bus_message(helper, "StartTransientUnit", &message);

    if (r >= 0)
        r = sd_bus_message_append(message, "ss", unit, "fail");
    if (r >= 0)
        r = append_properties(helper, message, request, 2);
    if (r >= 0)
        r = sd_bus_message_append(message, "a(sa(sv))", 0);
    if (r >= 0)
        r = bus_call(helper, "StartTransientUnit", message, &error, &reply);
    *ret_exists = sd_bus_error_has_name(&error, UNIT_EXISTS) > 0;
    if (r >= 0)
        r = job_wait(helper, job, reply, &result);
    sd_bus_error_free(&error);
    sd_bus_message_unref(message);
    sd_bus_message_unref(reply);
    if (r >= 0 && strcmp(result, "done") != 0) {
        char *why = NULL;

        (void)bus_unit_text(helper, unit, bus_unit_interface(unit), "Result", &why);
        reset_failed(helper, unit);
        helper->call = "StartTransientUnit";
        r = fail(helper, EIO, "the job of %s ended with \"%s\"%s%s%s", unit, result,
                why != NULL ? ", the unit's result is \"" : "", why != NULL ? why : "",
                why != NULL ? "\"" : "");
        free(why);
    }
    return r;
}

/* "active", "failed", ...; NULL: there is no such unit. Caller frees. */
static int unit_state(struct helper *helper, const char *unit, char **ret)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    /* GetUnit does not load it, as asking for a property would. */
    int r = call_named(helper, "GetUnit", "s", unit, &error, &reply);
    bool gone = sd_bus_error_has_name(&error, NO_SUCH_UNIT) > 0;

    sd_bus_error_free(&error);
    sd_bus_message_unref(reply);
    *ret = NULL;
    if (gone)
        return 0;
    return r < 0 ? r : bus_unit_text(helper, unit, UNIT_INTERFACE, "ActiveState", ret);
}

static bool is_slice(const char *unit)
{
    return strcmp(bus_unit_interface(unit), "org.freedesktop.systemd1.Slice") == 0;
}

static int describe_group(struct helper *helper, const char *unit, bool there)
{
    char *group = NULL;
    int r = bus_unit_text(helper, unit, bus_unit_interface(unit), "ControlGroup", &group);

    if (r >= 0)
        (void)snprintf(helper->answer, sizeof(helper->answer), "%s%s", group, there ? "\nthere" : "");
    free(group);
    return r;
}

int unit_keep(struct helper *helper, const struct request *request)
{
    (void)request;
    free(helper->unkept);
    helper->unkept = NULL;
    return 0;
}

int unit_start(struct helper *helper, const struct request *request)
{
    const char *unit = request->lines[1];
    struct job job = { NULL, NULL, NULL };
    char *state = NULL;
    bool exists = false;
    int r = job_listen(helper, &job);

    if (r >= 0 && is_slice(unit))
        helper->unkept = strdup(unit);
    if (r >= 0)
        r = start_once(helper, request, &job, &exists);
    if (r < 0 && exists && unit_state(helper, unit, &state) >= 0) {
        if (state == NULL || strcmp(state, "failed") == 0 || strcmp(state, "inactive") == 0) {
            reset_failed(helper, unit);
            r = start_once(helper, request, &job, &exists);
        } else if (is_slice(unit)) {
            job_done(&job);
            free(state);
            (void)unit_keep(helper, request);
            return describe_group(helper, unit, true);
        }
        if (r < 0 && exists) {
            helper->call = "StartTransientUnit";
            r = fail(helper, EEXIST, "%s is there already, and is %s", unit, state != NULL ? state : "gone");
        }
    }
    job_done(&job);
    free(state);
    if (r < 0)
        (void)unit_keep(helper, request);
    return r < 0 ? r : describe_group(helper, unit, false);
}

int unit_attach(struct helper *helper, const struct request *request)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *message = NULL, *reply = NULL;
    int r = bus_message(helper, "AttachProcessesToUnit", &message);

    if (r >= 0)
        r = sd_bus_message_append(
                message, "ssau", request->lines[1], "", 1, (uint32_t)strtoul(request->lines[2], NULL, 10));
    if (r >= 0)
        r = bus_call(helper, "AttachProcessesToUnit", message, &error, &reply);
    sd_bus_error_free(&error);
    sd_bus_message_unref(message);
    sd_bus_message_unref(reply);
    return r;
}

/* SetUnitProperties for this run of the unit only. */
static int begin_set(struct helper *helper, const char *unit, sd_bus_message **ret)
{
    int r = bus_message(helper, "SetUnitProperties", ret);

    return r < 0 ? r : sd_bus_message_append(*ret, "sb", unit, 1);
}

static int remember(struct helper *helper, const struct request *request)
{
    const char *unit = request->lines[1];
    int r;

    helper->undo = sd_bus_message_unref(helper->undo);
    r = begin_set(helper, unit, &helper->undo);
    if (r >= 0)
        r = sd_bus_message_open_container(helper->undo, 'a', "(sv)");
    for (size_t i = 2; r >= 0 && i < request->count; i++) {
        char *copy = strdup(request->lines[i]), *rest = copy, *name = strsep(&rest, "\t");
        const char *type = rest != NULL ? strsep(&rest, "\t") : "";

        r = copy != NULL ? property_append_old(helper, helper->undo, unit, name, type) : -ENOMEM;
        free(copy);
    }
    return r < 0 ? r : sd_bus_message_close_container(helper->undo);
}

static int send_set(struct helper *helper, sd_bus_message *message)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    int r = bus_call(helper, "SetUnitProperties", message, &error, &reply);

    sd_bus_error_free(&error);
    sd_bus_message_unref(reply);
    return r;
}

int unit_set(struct helper *helper, const struct request *request)
{
    sd_bus_message *message = NULL;
    int r = remember(helper, request);

    if (r >= 0)
        r = begin_set(helper, request->lines[1], &message);
    if (r >= 0)
        r = append_properties(helper, message, request, 2);
    if (r >= 0)
        r = send_set(helper, message);
    if (r < 0)
        helper->undo = sd_bus_message_unref(helper->undo);
    sd_bus_message_unref(message);
    return r;
}

int unit_undo(struct helper *helper, const struct request *request)
{
    int r;

    (void)request;
    if (helper->undo == NULL)
        return 0;
    r = send_set(helper, helper->undo);
    helper->undo = sd_bus_message_unref(helper->undo);
    return r;
}

static int stop_job(struct helper *helper, const char *unit)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    const char *result;
    struct job job = { NULL, NULL, NULL };
    int r = job_listen(helper, &job);
    bool gone = false;

    if (r >= 0) {
        r = call_named(helper, "StopUnit", "ss", unit, &error, &reply);
        gone = sd_bus_error_has_name(&error, NO_SUCH_UNIT) > 0;
    }
    if (r >= 0)
        r = job_wait(helper, &job, reply, &result);
    job_done(&job);
    sd_bus_error_free(&error);
    sd_bus_message_unref(reply);
    return gone ? 0 : r;
}

/* Whoever asked for it was killed before he could make anything of it. A scope ends by itself, when we leave it. */
void unit_leave(struct helper *helper)
{
    helper->leaving = true;
    if (helper->unkept != NULL)
        (void)stop_job(helper, helper->unkept);
}

int unit_stop(struct helper *helper, const struct request *request)
{
    const char *unit = request->lines[1];
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    char *state = NULL, *description = NULL;
    bool ours;
    int r = unit_state(helper, unit, &state);

    if (r < 0 || state == NULL)
        return r;
    r = bus_unit_text(helper, unit, UNIT_INTERFACE, "Description", &description);
    ours = r >= 0 && strcmp(description, request->lines[2]) == 0;
    free(description);
    if (r >= 0 && ours && strcmp(state, "failed") != 0) {
        /* Whoever is still in it has been told to end before; nobody waits for TimeoutStopSec. */
        (void)call_named(helper, "KillUnit", "ssi", unit, &error, &reply);
        r = stop_job(helper, unit);
    }
    if (r >= 0 && ours)
        reset_failed(helper, unit);
    if (r >= 0)
        (void)snprintf(helper->answer, sizeof(helper->answer), "%s", ours ? "" : "foreign");
    sd_bus_error_free(&error);
    sd_bus_message_unref(reply);
    free(state);
    return r;
}
