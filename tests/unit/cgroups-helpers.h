/* What the tests of groups of a config.json share: groups below nsrun-test-PID, made and looked at. */
#ifndef CGROUPS_HELPERS_H
#define CGROUPS_HELPERS_H

#include "unit.h"

#include "../../src/cgroups/internal.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static inline const char *group_path(void)
{
    static char name[48];

    if (name[0] == '\0')
        (void)snprintf(name, sizeof(name), "/nsrun-test-%d/one", (int)getpid());
    return name;
}

static inline struct lc_config plain(void)
{
    return (struct lc_config){ .cgroups = { .present = true, .oci = true, .path = group_path() } };
}

static inline void must(int r, struct lc_error **err)
{
    if (r < 0) {
        CLEAN_FREE char *text = *err != NULL ? error_format(*err) : NULL;

        fail_msg("%d: %s", r, text != NULL ? text : "");
    }
    assert_null(*err);
}

static inline void must_fail(
        int r, int expected, const char *pointer, const char *text, struct lc_error **err)
{
    CLEAN_FREE char *line = NULL;

    assert_int_equal(r, -expected);
    assert_non_null(*err);
    line = error_format(*err);
    if (line == NULL || strstr(line, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, line != NULL ? line : "");
    assert_string_equal(error_site(*err)->pointer, pointer);
    error_free(*err);
    *err = NULL;
}

static inline int make(const struct lc_config *config, struct cgroup_set *set, struct lc_error **err)
{
    CLEAN_FD int fd = -EBADF;
    int r = cgroup_plan(config, "id", set, err);

    if (r == 0)
        r = cgroup_make_v2(config, set, NULL, &fd, err);
    return r < 0 ? r : cgroup_make_v1(config, set, NULL, err);
}

static inline void finish(struct cgroup_set *set)
{
    assert_int_equal(cgroup_kill(set, 5000), 0);
    assert_int_equal(cgroup_remove(set, 5000), 0);
    for (size_t i = 0; i < set->count; i++) {
        char path[512];

        (void)snprintf(path, sizeof(path), "%s/nsrun-test-%d", set->groups[i].mount, (int)getpid());
        assert_int_equal(access(path, F_OK), -1);
    }
    cgroup_set_done(set);
}

/* The file in whichever group has it; false: none. */
static inline bool read_any(const struct cgroup_set *set, const char *file, char **ret_text)
{
    for (size_t i = 0; i < set->count; i++) {
        if (cgroup_read_file(&set->groups[i], file, ret_text) == 0) {
            (*ret_text)[strcspn(*ret_text, "\n")] = '\0';
            return true;
        }
    }
    return false;
}

/* `expected` where the v1 file exists, else `v2_expected` in the v2 one. */
static inline void must_be(const struct cgroup_set *set, const char *v1, const char *expected, const char *v2,
        const char *v2_expected)
{
    CLEAN_FREE char *text = NULL;

    if (read_any(set, v1, &text)) {
        assert_string_equal(text, expected);
        return;
    }
    if (v2 == NULL || !read_any(set, v2, &text)) {
        print_message("no %s here\n", v1);
        return;
    }
    assert_string_equal(text, v2_expected);
}

/* A process in all the groups; sleeps until it is killed. */
static inline pid_t inmate(const struct cgroup_set *set)
{
    int fds[CGROUP_HIERARCHIES_MAX], ready[2];
    struct lc_error *err = NULL;
    char byte;
    pid_t pid;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    for (size_t i = 0; i < set->count; i++) {
        fds[i] = cgroup_open_entry(&set->groups[i], &err);
        must(fds[i], &err);
    }
    pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test must not leave it */
        for (size_t i = 0; i < set->count; i++)
            if (cgroup_write_text(fds[i], "0") < 0)
                _exit(1);
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    for (size_t i = 0; i < set->count; i++)
        close(fds[i]);
    return pid;
}

static inline void must_be_killed(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static inline void set_limit(struct config_cgroups *cgroups, enum config_limit limit, int64_t value)
{
    cgroups->limits[limit] = (struct config_number){ true, value };
}

/* Whether the kernel has this file of the cpu controller: burst is there since Linux 5.14, cpu.idle since 5.15. To be asked
 * before the test makes its groups, which are the same ones. */
static inline bool kernel_has_cpu(const char *v1, const char *v2)
{
    struct lc_config config = plain();
    CLEAN_FREE char *text = NULL;
    struct lc_error *err = NULL;
    struct cgroup_set set;
    bool found;

    set_limit(&config.cgroups, LIMIT_CPU_SHARES, 1024);
    must(make(&config, &set, &err), &err);
    found = read_any(&set, v1, &text) || read_any(&set, v2, &text);
    finish(&set);
    if (!found)
        print_message("no %s or %s in this kernel\n", v1, v2);
    return found;
}

#define MIB(n) ((int64_t)(n) << 20)

#endif
