#include "final.h"

#include <base/buffer.h>
#include <base/util.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

struct member {
    const char *name;
    int64_t value;
};

/* What nobody has counted is null, not 0. */
static void add_members(struct buffer *out, const struct member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer_printf(out, "%s\"%s\":", i > 0 ? "," : "", members[i].name);
        if (members[i].value == CGROUP_UNKNOWN)
            buffer_text(out, "null");
        else
            buffer_printf(out, "%" PRId64, members[i].value);
    }
}

static int64_t nanoseconds(const struct timeval *time)
{
    return (int64_t)time->tv_sec * 1000000000 + (int64_t)time->tv_usec * 1000;
}

/* No group counts: the first process and all that it has waited for. */
static void take_usage(const struct rusage *usage, struct cgroup_final *final)
{
    if (usage == NULL || usage->ru_maxrss == 0) /* somebody else has reaped it */
        return;
    if (final->total == CGROUP_UNKNOWN) {
        final->user = nanoseconds(&usage->ru_utime);
        final->kernel = nanoseconds(&usage->ru_stime);
        final->total = final->user + final->kernel;
    }
    if (final->memory.peak == CGROUP_UNKNOWN && final->memory.oom_kill == CGROUP_UNKNOWN)
        final->memory.peak = (int64_t)usage->ru_maxrss * 1024;
}

static void format(struct buffer *out, int status, const struct cgroup_final *final)
{
    const struct cgroup_memory_facts *memory = &final->memory;
    const struct member head[] = { { "exitStatus", status >= 0 ? status : CGROUP_UNKNOWN } };
    const struct member sizes[] = { { "peak", memory->peak }, { "limit", memory->limit },
        { "swapPeak", memory->swap_peak } };
    const struct member events[] = { { "max", memory->max }, { "oom", memory->oom },
        { "oom_kill", memory->oom_kill } };
    const struct member times[] = { { "total", final->total }, { "user", final->user },
        { "kernel", final->kernel }, { "throttled", final->throttled } };
    const struct member io[] = { { "readBytes", final->read_bytes }, { "writtenBytes", final->written_bytes },
        { "reads", final->reads }, { "writes", final->writes } };
    const struct member pids[] = { { "peak", final->pids_peak }, { "refused", final->pids_refused } };

    buffer_text(out, "{");
    add_members(out, head, ARRAY_SIZE(head));
    buffer_text(out, ",\"memory\":{");
    add_members(out, sizes, ARRAY_SIZE(sizes));
    buffer_text(out, ",\"events\":{");
    add_members(out, events, ARRAY_SIZE(events));
    buffer_text(out, "}},\"cpu\":{");
    add_members(out, times, ARRAY_SIZE(times));
    buffer_text(out, "},\"io\":{");
    add_members(out, io, ARRAY_SIZE(io));
    buffer_text(out, "},\"pids\":{");
    add_members(out, pids, ARRAY_SIZE(pids));
    buffer_text(out, "}}");
}

char *final_json(const struct container *container, int status, const struct rusage *usage)
{
    struct cgroup_final final;
    struct buffer out = { 0 };

    cgroup_final(&container->record.groups, &final);
    take_usage(usage, &final);
    format(&out, status, &final);
    return buffer_take_text(&out);
}

static const char *limit_key(const struct container *container)
{
    return container->record.oci.present ? "/linux/resources/memory/limit" : "/cgroups/memory";
}

void final_explain(const struct container *container, bool first)
{
    struct cgroup_memory_facts facts;
    struct buffer out = { 0 };
    CLEAN_FREE char *text = NULL;

    cgroup_memory_facts(&container->record.groups, &facts);
    if (facts.oom_kill <= 0)
        return;
    buffer_printf(&out, "out of memory: the kernel killed %" PRId64 " process%s of the container, ",
            facts.oom_kill, facts.oom_kill == 1 ? "" : "es");
    if (facts.limit != CGROUP_UNKNOWN)
        buffer_printf(&out, "whose limit is %" PRId64 " bytes (%s)", facts.limit, limit_key(container));
    else
        buffer_text(&out, "which has no limit of its own: the host or a group above it ran out");
    if (facts.peak != CGROUP_UNKNOWN)
        buffer_printf(&out, "; the most it used were %" PRId64 " bytes", facts.peak);
    if (first)
        buffer_printf(&out, "; its first process, pid %d, ended with status 137 (SIGKILL)",
                (int)container->record.init.pid);
    else
        buffer_text(&out, "; the process that joined ended with status 137 (SIGKILL)");
    text = buffer_take_text(&out);
    if (text != NULL)
        log_warning(container->log, "%s", text);
}

void final_blame(const struct container *container, struct lc_error *err)
{
    const struct lc_error *last = err != NULL ? error_last(err) : NULL;
    const char *status = last != NULL ? strstr(error_text(last), "with status ") : NULL;
    struct cgroup_memory_facts facts;
    char hint[160];

    /* It ended without a word, and not by itself. */
    if (last == NULL || error_site(last)->errnum != EPIPE ||
            (status != NULL && strcmp(status, "with status 137") != 0))
        return;
    cgroup_memory_facts(&container->record.groups, &facts);
    if (facts.oom_kill <= 0)
        return;
    if (facts.limit != CGROUP_UNKNOWN)
        (void)snprintf(hint, sizeof(hint),
                "out of memory: the limit of %" PRId64 " bytes is too small for this start", facts.limit);
    else
        (void)snprintf(hint, sizeof(hint), "out of memory: the host or a group above has none left");
    error_add(err, &(struct error_site){ .pointer = limit_key(container), .hint = hint });
}

/* Somebody may still live in them: without a pid namespace that does not end with the first process. */
int final_ready(const struct container *container)
{
    CLEAN_FREE pid_t *pids = NULL;
    size_t count = 0;
    int r = cgroup_processes(&container->record.groups, &pids, &count);

    return r < 0 ? r : count == 0;
}

/* Who came first may have known the numbers, and not how it ended. */
static bool is_whole(const struct record_oci *oci)
{
    return oci->final != NULL && oci->status >= 0;
}

/* Whoever has the lock is about to change or remove it; then the next one will record. But he may only begin to watch, and
 * what its owner knows nobody else does: that waits. */
static void write_record(struct container *container, bool waits)
{
    struct container writer = *container;
    const struct record mine = container->record;

    writer.lock_fd = openat(container->state_fd, container->record_name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    writer.record = (struct record){ 0 };
    if (writer.lock_fd >= 0 && flock(writer.lock_fd, LOCK_EX | (waits ? 0 : LOCK_NB)) == 0 &&
            record_load(&writer, writer.lock_fd) == 0 && writer.record.init.pid == mine.init.pid &&
            writer.record.init.start == mine.init.start && !is_whole(&writer.record.oci)) {
        writer.record.oci.status = mine.oci.status;
        if (mine.oci.final != NULL) {
            free(writer.record.oci.final);
            writer.record.oci.final = strdup(mine.oci.final);
        }
        (void)record_write(&writer, NULL);
    }
    record_done(&writer.record);
    fd_close(&writer.lock_fd);
}

void final_record(struct container *container, int status, const struct rusage *usage)
{
    struct record_oci *oci = &container->record.oci;

    if (!oci->complete || oci->final != NULL)
        return;
    if (oci->status < 0)
        oci->status = status;
    if (final_ready(container) != 0)
        oci->final = final_json(container, oci->status, usage);
    if (oci->status < 0 && oci->final == NULL)
        return;
    if (container->lock_fd >= 0)
        (void)record_write(container, NULL);
    else
        write_record(container, usage != NULL);
}
