/* One process that makes, starts, kills and deletes containers through the library, again and again: it grows by no descriptor, no
 * memory and no zombie. LC_STRESS=full: 10,000 times. As root only. */
#include "bundle.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define WARM_UP 20

static long resident_kib(void)
{
    long pages = 0, ignored = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &ignored, &pages), 2);
    (void)fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void cycle(struct lc_runtime *runtime, const struct lc_config *config)
{
    struct lc_create_options options = { .size = sizeof(options), .stdio = { -1, -1, -1 } };
    struct lc_error *err = NULL;
    char *state = NULL;

    must(lc_container_create(runtime, id, config, &options, &err), &err, "create");
    must(lc_container_start(runtime, id, &err), &err, "start");
    must(lc_container_state(runtime, id, &state, &err), &err, "state");
    free(state);
    must(lc_container_kill(runtime, id, SIGKILL, 0, &err), &err, "kill");
    /* A failure must not leave anything either. */
    assert_true(lc_container_create(runtime, id, config, &options, &err) < 0);
    lc_error_free(err);
    err = NULL;
    must(lc_container_delete(runtime, id, LC_DELETE_FORCE, &err), &err, "delete");
    /* The processes are the caller's children, and his to reap. */
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
}

static void test_nothing_grows(void **state)
{
    const char *stress = getenv("LC_STRESS");
    int cycles = stress != NULL && strcmp(stress, "full") == 0 ? 10000 : 100;
    char root[64];
    struct lc_runtime_options options = { .size = sizeof(options), .root = root };
    struct lc_runtime *runtime = NULL;
    struct lc_config *config = NULL;
    struct lc_error *err = NULL;
    size_t descriptors = 0;
    long memory = 0;

    (void)state;
    NEED_ROOT();
    (void)snprintf(root, sizeof(root), "%s/state", directory);
    must(lc_config_load_bundle(directory, &config, &err), &err, "config");
    must(lc_runtime_open(&options, &runtime, &err), &err, "runtime");
    for (int i = 0; i < cycles + WARM_UP; i++) {
        if (i == WARM_UP) {
            descriptors = open_descriptors();
            memory = resident_kib();
        }
        cycle(runtime, config);
    }
    assert_int_equal(open_descriptors(), descriptors);
    print_message("resident: %ld KiB, then %ld KiB\n", memory, resident_kib());
#ifndef __SANITIZE_ADDRESS__
    assert_true(resident_kib() <= memory + 256);
#endif
    assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    lc_config_free(config);
    lc_runtime_free(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_grows),
    };

    return cmocka_run_group_tests(tests, make_bundle, remove_bundle);
}
