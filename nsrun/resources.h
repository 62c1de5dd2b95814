/* Limits given as options, as the linux.resources object of the OCI runtime-spec. */
#ifndef NSRUN_RESOURCES_H
#define NSRUN_RESOURCES_H

/* Option, kind of number, object and key in linux.resources, help. */
#define RESOURCES(X)                                                                                         \
    X(blkio_weight, "blkio-weight", UNSIGNED, "blockIO", "weight", "block IO weight, 10 to 1000")            \
    X(cpu_period, "cpu-period", UNSIGNED, "cpu", "period", "CFS period, in microseconds")                    \
    X(cpu_quota, "cpu-quota", NUMBER, "cpu", "quota",                                                        \
            "CFS quota: CPU time in a period, in microseconds; -1: no limit")                                \
    X(cpu_burst, "cpu-burst", UNSIGNED, "cpu", "burst", "CFS burst, in microseconds")                        \
    X(cpu_share, "cpu-share", UNSIGNED, "cpu", "shares", "CPU weight against other containers")              \
    X(cpu_rt_period, "cpu-rt-period", UNSIGNED, "cpu", "realtimePeriod",                                     \
            "real-time period, in microseconds")                                                             \
    X(cpu_rt_runtime, "cpu-rt-runtime", NUMBER, "cpu", "realtimeRuntime",                                    \
            "real-time CPU time in a period, in microseconds")                                               \
    X(cpu_idle, "cpu-idle", NUMBER, "cpu", "idle", "1: runs only when nothing else does")                    \
    X(cpuset_cpus, "cpuset-cpus", TEXT, "cpu", "cpus", "CPUs to use, as \"0-3,7\"")                          \
    X(cpuset_mems, "cpuset-mems", TEXT, "cpu", "mems", "memory nodes to use")                                \
    X(memory, "memory", SIZE, "memory", "limit", "memory limit, in bytes or with k, m, g; -1: no limit")     \
    X(memory_reservation, "memory-reservation", SIZE, "memory", "reservation", "soft memory limit")          \
    X(memory_swap, "memory-swap", SIZE, "memory", "swap", "limit of memory and swap together")               \
    X(pids_limit, "pids-limit", NUMBER, "pids", "limit", "largest number of processes; -1: no limit")

struct resources_given {
#define X(member, option, kind, section, key, help) const char *member;
    RESOURCES(X)
#undef X
    const char *file, *kernel, *kernel_tcp, *l3_cache_schema, *memory_bandwidth_schema;
};

/* An option whose value is not what it has to be. */
struct resources_wrong {
    const char *option, *value, *expected;
};

/* The object as text, to be freed; NULL when out of memory or, with *ret_wrong set, at an option that is no number. */
char *resources_text(const struct resources_given *given, struct resources_wrong *ret_wrong);
/* The option behind a JSON pointer that an error names, or NULL. */
const char *resources_option(const char *pointer);

#endif
