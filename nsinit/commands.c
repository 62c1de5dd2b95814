#include "nsinit.h"

const struct command commands[] = {
    { "exec", "exec CMD [ARG...]",
            "start the container of this directory with CMD, or run CMD inside it when it lives",
            command_exec, true },
    { "check", "check", "validate container.json and try on this host everything it asks for", command_check,
            false },
    { "plan", "plan [CMD [ARG...]]", "print what exec would do, one op a line, with the key each came from",
            command_plan, true },
    { "spec", "spec", "print a good container.json to begin with", command_spec, false },
    { "state", "state", "print the state of the container as JSON; cleans up after a crash", command_state,
            false },
    { "apparmor", "apparmor [--load]", "print the default AppArmor profile, or load it", command_apparmor,
            false },
    { "init", "init", "internal: the role of the child that sets a container up", command_init, false },
};
const size_t n_commands = sizeof(commands) / sizeof(commands[0]);
