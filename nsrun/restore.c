#include "nsrun.h"

/* Taken for engines that ask what there is; nothing is done with them. */
struct restore_given {
    const char *text;
    bool flag;
};

#define TEXT offsetof(struct restore_given, text)
#define FLAG offsetof(struct restore_given, flag)
static const struct option rows[] = {
    { "console-socket", 0, OPTION_TEXT, TEXT, "not built in" },
    { "image-path", 0, OPTION_TEXT, TEXT, "not built in" },
    { "work-path", 0, OPTION_TEXT, TEXT, "not built in" },
    { "tcp-established", 0, OPTION_FLAG, FLAG, "not built in" },
    { "tcp-close", 0, OPTION_FLAG, FLAG, "not built in" },
    { "ext-unix-sk", 0, OPTION_FLAG, FLAG, "not built in" },
    { "shell-job", 0, OPTION_FLAG, FLAG, "not built in" },
    { "file-locks", 0, OPTION_FLAG, FLAG, "not built in" },
    { "manage-cgroups-mode", 0, OPTION_TEXT, TEXT, "not built in" },
    { "bundle", 'b', OPTION_TEXT, TEXT, "not built in" },
    { "detach", 'd', OPTION_FLAG, FLAG, "not built in" },
    { "pid-file", 0, OPTION_TEXT, TEXT, "not built in" },
    { "no-subreaper", 0, OPTION_FLAG, FLAG, "not built in" },
    { "no-pivot", 0, OPTION_FLAG, FLAG, "not built in" },
    { "empty-ns", 0, OPTION_TEXT, TEXT, "not built in" },
    { "auto-dedup", 0, OPTION_FLAG, FLAG, "not built in" },
    { "lazy-pages", 0, OPTION_FLAG, FLAG, "not built in" },
    { "lsm-profile", 0, OPTION_TEXT, TEXT, "not built in" },
    { "lsm-mount-context", 0, OPTION_TEXT, TEXT, "not built in" },
};

static int run(const struct call *call)
{
    return report_text(call, "not built in");
}

const struct command command_restore = {
    .name = "restore",
    .arguments = "<container-id>",
    .summary = "restore a container from a previous checkpoint",
    .description = "   Not built in: the options are known, the answer is an error.\n",
    .options = OPTION_TABLE(rows),
    .options_size = sizeof(struct restore_given),
    .least = 1,
    .most = 1,
    .run = run,
};
