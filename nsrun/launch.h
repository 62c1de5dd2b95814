/* What create and run have in common. */
#ifndef NSRUN_LAUNCH_H
#define NSRUN_LAUNCH_H

#include "nsrun.h"

struct launch {
    const char *bundle, *config, *console_socket, *pid_file, *pidfd_socket;
    unsigned int preserve_fds;
    bool no_pivot, no_new_keyring, no_subreaper;
};

#define LAUNCH_ROWS(type, member)                                                                            \
    { "bundle", 'b', OPTION_TEXT, offsetof(type, member.bundle),                                             \
        "directory of config.json (default: the working directory)" },                                       \
            { "config", 'f', OPTION_TEXT, offsetof(type, member.config),                                     \
                "another file than the bundle's config.json, by its path there" },                           \
            { "console-socket", 0, OPTION_TEXT, offsetof(type, member.console_socket),                       \
                "socket that gets the master of the terminal" },                                             \
            { "pid-file", 0, OPTION_TEXT, offsetof(type, member.pid_file),                                   \
                "file that gets the process's pid" },                                                        \
            { "pidfd-socket", 0, OPTION_TEXT, offsetof(type, member.pidfd_socket),                           \
                "socket that gets the process's pidfd" },                                                    \
            { "no-pivot", 0, OPTION_FLAG, offsetof(type, member.no_pivot),                                   \
                "chroot instead of pivot_root, for a root on ramfs" },                                       \
            { "no-new-keyring", 0, OPTION_FLAG, offsetof(type, member.no_new_keyring),                       \
                "keep the caller's session keyring" },                                                       \
            { "no-subreaper", 0, OPTION_FLAG, offsetof(type, member.no_subreaper),                           \
                "accepted: there never is one" },                                                            \
    {                                                                                                        \
        "preserve-fds", 0, OPTION_COUNT, offsetof(type, member.preserve_fds),                                \
                "so many more descriptors from 3 on go to the process (default: 0)"                          \
    }

struct launched {
    struct lc_runtime *runtime;
    struct lc_config *config;
    struct lc_create_options options;
};
/* 0, or the exit status after a message. launch_release() either way. */
int launch_prepare(
        const struct call *call, const struct launch *launch, bool detached, struct launched *launched);
void launch_release(struct launched *launched);

#endif
