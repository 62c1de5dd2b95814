#include "nsrun.h"

/* Taken for engines that ask what there is; nothing is done with them. */
struct checkpoint_given {
    const char *text;
    bool flag;
};

#define TEXT offsetof(struct checkpoint_given, text)
#define FLAG offsetof(struct checkpoint_given, flag)
static const struct option rows[] = {
    { "image-path", 0, OPTION_TEXT, TEXT, "not built in" },
    { "work-path", 0, OPTION_TEXT, TEXT, "not built in" },
    { "parent-path", 0, OPTION_TEXT, TEXT, "not built in" },
    { "leave-running", 0, OPTION_FLAG, FLAG, "not built in" },
    { "tcp-established", 0, OPTION_FLAG, FLAG, "not built in" },
    { "tcp-skip-in-flight", 0, OPTION_FLAG, FLAG, "not built in" },
    { "link-remap", 0, OPTION_FLAG, FLAG, "not built in" },
    { "ext-unix-sk", 0, OPTION_FLAG, FLAG, "not built in" },
    { "shell-job", 0, OPTION_FLAG, FLAG, "not built in" },
    { "lazy-pages", 0, OPTION_FLAG, FLAG, "not built in" },
    { "status-fd", 0, OPTION_TEXT, TEXT, "not built in" },
    { "page-server", 0, OPTION_TEXT, TEXT, "not built in" },
    { "file-locks", 0, OPTION_FLAG, FLAG, "not built in" },
    { "pre-dump", 0, OPTION_FLAG, FLAG, "not built in" },
    { "manage-cgroups-mode", 0, OPTION_TEXT, TEXT, "not built in" },
    { "empty-ns", 0, OPTION_TEXT, TEXT, "not built in" },
    { "network-lock", 0, OPTION_TEXT, TEXT, "not built in" },
    { "auto-dedup", 0, OPTION_FLAG, FLAG, "not built in" },
};

static int run(const struct call *call)
{
    return report_text(call, "not built in");
}

const struct command command_checkpoint = {
    .name = "checkpoint",
    .arguments = "<container-id>",
    .summary = "checkpoint a running container",
    .description = "   Not built in: the options are known, the answer is an error.\n",
    .options = OPTION_TABLE(rows),
    .options_size = sizeof(struct checkpoint_given),
    .least = 1,
    .most = 1,
    .run = run,
};
