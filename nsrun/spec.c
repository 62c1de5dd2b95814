#include "nsrun.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "config.json"

struct spec_given {
    const char *bundle;
    bool rootless;
};

static const struct option rows[] = {
    { "bundle", 'b', OPTION_TEXT, offsetof(struct spec_given, bundle),
            "directory that the file is written to (default: the working directory)" },
    { "rootless", 0, OPTION_FLAG, offsetof(struct spec_given, rootless), "for a container without root" },
};

static int write_all(int fd, const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        ssize_t put = write(fd, text, left);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        text += put;
        left -= (size_t)put;
    }
    return 0;
}

/* Never over a file that is there: somebody has edited it. */
static int write_file(const struct call *call, int directory, const char *text)
{
    int fd = openat(directory, NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666), r;

    if (fd < 0 && errno == EEXIST)
        return report_text(call, "File " NAME " exists. Remove it first");
    if (fd < 0)
        return report_text(call, "open " NAME ": %s", strerror(errno));
    r = write_all(fd, text);
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0)
        return 0;
    (void)unlinkat(directory, NAME, 0);
    return report_text(call, "write " NAME ": %s", strerror(-r));
}

static int run(const struct call *call)
{
    const struct spec_given *given = call->options;
    const char *bundle = given->bundle != NULL && given->bundle[0] != '\0' ? given->bundle : ".";
    struct lc_error *err = NULL;
    char *text = NULL;
    int directory = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status, r;

    if (directory < 0)
        return report_text(call, "open %s: %s", bundle, strerror(errno));
    r = lc_config_default_oci(given->rootless, &text, &err);
    status = r < 0 ? report_failure(call, r, err) : write_file(call, directory, text);
    free(text);
    (void)close(directory);
    return status;
}

const struct command command_spec = {
    .name = "spec",
    .arguments = "",
    .summary = "create a new specification file",
    .description = "   Writes a good config.json to begin with, which is not written over an existing one.\n",
    .options = OPTION_TABLE(rows),
    .options_size = sizeof(struct spec_given),
    .run = run,
};
