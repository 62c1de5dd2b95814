#include "nsrun.h"

#include <string.h>

const struct command *const commands[] = { &command_checkpoint, &command_create, &command_delete,
    &command_events, &command_exec, &command_features, &command_kill, &command_list, &command_pause,
    &command_ps, &command_restore, &command_resume, &command_run, &command_spec, &command_start,
    &command_state, &command_update };
const size_t n_commands = sizeof(commands) / sizeof(commands[0]);

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < n_commands; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}
