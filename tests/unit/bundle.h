/* A bundle for programs that use the library as an embedder does, and what they may not grow by. As root only. */
#ifndef TEST_BUNDLE_H
#define TEST_BUNDLE_H

#include "unit.h"

#include <libcontainer.h>

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

static char id[32];
static char directory[] = "/tmp/test-bundle-XXXXXX";

static size_t open_descriptors(void)
{
    DIR *list = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(list);
    while (readdir(list) != NULL)
        count++;
    (void)closedir(list);
    return count;
}

/* A pointer, because the call that fills it in may be evaluated after its neighbour. */
static void must(int r, struct lc_error *const *err, const char *what)
{
    if (r < 0)
        fail_msg("%s: %s", what, *err != NULL ? lc_error_format(*err) : "without a word");
}

static int make_bundle(void **state)
{
    char command[512];

    (void)state;
    (void)snprintf(id, sizeof(id), "lc-bundle-%d", (int)getpid());
    if (mkdtemp(directory) == NULL)
        return -1;
    (void)snprintf(command, sizeof(command),
            "chmod 755 %s && mkdir -p %s/rootfs/bin %s/rootfs/proc && cp /bin/busybox %s/rootfs/bin/busybox "
            "&& "
            "cat >%s/config.json",
            directory, directory, directory, directory, directory);
    FILE *out = popen(command, "we");
    if (out == NULL)
        return -1;
    (void)fputs(
            "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"rootfs\"},\"process\":{\"user\":{\"uid\":0,"
            "\"gid\":0},"
            "\"cwd\":\"/\",\"args\":[\"/bin/busybox\",\"sleep\",\"1000\"]},\"mounts\":[{\"destination\":\"/"
            "proc\","
            "\"type\":\"proc\",\"source\":\"proc\"}],\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":"
            "\"mount\"}]}}",
            out);
    return pclose(out) == 0 ? 0 : -1;
}

static int remove_bundle(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf --one-file-system %s", directory);
    return system(command) == 0 ? 0 : -1;
}

#endif
