/* Shared by the files of this program. */
#ifndef SYSTEMD_HELPER_H
#define SYSTEMD_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-bus.h>

#define LINES_MAX 4096

struct request {
    char *lines[LINES_MAX];
    size_t count;
};

struct helper {
    int socket;
    sd_bus *bus;
    const char *call;     /* what is being waited for */
    char text[1024];      /* why it failed */
    sd_bus_message *undo; /* of the last "set" */
    char *unkept;         /* a slice that nobody has taken over yet */
    bool leaving;         /* nobody is there any more */
    char answer[4200];    /* lines that follow "ok" */
};

/* ---- main.c ---- */
/* Names what is waited for from now on. */
void say_call(struct helper *helper, const char *call);
/* Keeps why; returns -errnum. */
int fail(struct helper *helper, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* ---- bus.c ---- */
int bus_open(struct helper *helper, const char *address);
/* A message for a method of the manager. */
int bus_message(struct helper *helper, const char *method, sd_bus_message **ret);
/* Sends it. An error that the caller expects can be looked at in `error`; it frees it. */
int bus_call(struct helper *helper, const char *method, sd_bus_message *message, sd_bus_error *error,
        sd_bus_message **ret);
/* A property of a unit as text; caller frees. */
int bus_unit_text(
        struct helper *helper, const char *unit, const char *interface, const char *property, char **ret);
/* "org.freedesktop.systemd1.Scope" */
const char *bus_unit_interface(const char *unit);

/* Ends of jobs: listened for before the job is made. */
struct job {
    char *path; /* NULL: not known yet, all ends are kept */
    sd_bus_slot *slot;
    struct ended {
        struct ended *next;
        char *path, *result;
    } * ended;
};
int job_listen(struct helper *helper, struct job *job);
/* Takes the job's path out of the answer and waits for its end; *ret_result belongs to the job. */
int job_wait(struct helper *helper, struct job *job, sd_bus_message *answer, const char **ret_result);
void job_done(struct job *job);

/* ---- properties.c ---- */
/* Appends "NAME\tTYPE\tITEM..." to an open array "a(sv)". The line is cut up. */
int property_append(struct helper *helper, sd_bus_message *message, char *line);
/* The same property as it is now, to be set again. */
int property_append_old(
        struct helper *helper, sd_bus_message *message, const char *unit, const char *name, const char *type);

/* ---- units.c ---- */
int unit_open(struct helper *helper, const struct request *request);
int unit_start(struct helper *helper, const struct request *request);
int unit_keep(struct helper *helper, const struct request *request);
/* The end of the conversation. */
void unit_leave(struct helper *helper);
int unit_attach(struct helper *helper, const struct request *request);
int unit_set(struct helper *helper, const struct request *request);
int unit_undo(struct helper *helper, const struct request *request);
int unit_stop(struct helper *helper, const struct request *request);

#endif
