/* The inside of struct lc_events: sources, all in one epoll, that become lines in a queue. */
#ifndef CONTAINER_EVENTS_H
#define CONTAINER_EVENTS_H

#include "control.h"

#define TRIGGERS_MAX 8

/* The epoll's own poll takes a trigger's event away, when the epoll is polled by the program: so each is there twice, one to wake
 * with, and one that is only looked at here. */
struct trigger {
    char name[48]; /* "memory:some:150ms/1s" */
    char file[24];
    int wake_fd, fact_fd;
};

enum source {
    SOURCE_JOURNAL,
    SOURCE_PROCESS,
    SOURCE_MEMORY,
    SOURCE_FREEZER,
    SOURCE_TIMER,
    SOURCE_PRESSURE,
    SOURCE_MAX_
};

struct lc_events {
    struct container container; /* the record as it was when we began to watch */
    bool oci, with_time;
    bool attached; /* to a living container; else its start is waited for */
    bool ending;   /* its first process has ended, and the last word on it is waited for */
    bool ended;    /* everything has been said */
    int epoll, fds[SOURCE_MAX_], journal;
    off_t offset; /* in the journal */
    int64_t oom, killed;
    bool oom_said; /* ... since somebody was last killed */
    bool frozen;
    int exit_code;
    int64_t deadline_ms; /* of ending */
    struct trigger triggers[TRIGGERS_MAX];
    size_t n_triggers;
    char **queue;
    size_t n_queue;
    bool no_memory;
};

/* events.c: appends a line; `time` NULL: now. `data`: JSON or NULL. */
void events_add(struct lc_events *events, const char *type, const char *time, const char *data);
int events_watch(struct lc_events *events, int fd, uint32_t what, enum source source);

/* events-attach.c */
/* Makes the journal, and watches it. Locked. */
int events_open_journal(struct lc_events *events, struct lc_error **err);
/* The sources of a living container. */
int events_attach(struct lc_events *events, struct lc_error **err);
/* "memory:some:150ms/1s,..." */
int events_parse_pressure(struct lc_events *events, const char *text, struct lc_error **err);
void events_close(struct lc_events *events);

/* events-sources.c: what has happened since the last look; `ready`: bits 1 << enum source */
void events_look(struct lc_events *events, uint32_t ready);

#endif
