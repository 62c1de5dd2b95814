/* GNU style, and the original's: every long option with one dash or two, "=" or a word of its own. */
#include "nsinit.h"

#include <stddef.h>
#include <string.h>

static const struct option_row general[] = {
    { "root", offsetof(struct arguments, root), OPTION_TEXT },
    { "log", offsetof(struct arguments, log), OPTION_TEXT },
    { "console", offsetof(struct arguments, console), OPTION_TEXT },
    { "lenient", offsetof(struct arguments, lenient), OPTION_FLAG },
    { "help", offsetof(struct arguments, help), OPTION_FLAG },
    { "h", offsetof(struct arguments, help), OPTION_FLAG },
    { "version", offsetof(struct arguments, version), OPTION_FLAG },
};

static const struct option_row *find(
        const struct option_row *rows, size_t count, const char *name, size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(rows[i].name) == length && memcmp(rows[i].name, name, length) == 0)
            return &rows[i];
    return NULL;
}

/* The command's own first; every command takes the general ones. */
static const struct option_row *find_any(const struct command *command, const char *name, size_t length)
{
    const struct option_row *row = NULL;

    if (command != NULL)
        row = find(command->options, command->n_options, name, length);
    return row != NULL ? row : find(general, sizeof(general) / sizeof(general[0]), name, length);
}

static int complain(const char *what, const char *word)
{
    (void)fprintf(stderr, "nsinit: %s %s (see nsinit --help)\n", what, word);
    return -1;
}

int options_parse(char ***argv, const struct command *command, struct arguments *arguments)
{
    for (; **argv != NULL && (**argv)[0] == '-' && (**argv)[1] != '\0'; (*argv)++) {
        const char *word = **argv, *name = word + (word[1] == '-' ? 2 : 1), *equals = strchr(name, '=');
        const struct option_row *row;

        if (strcmp(word, "--") == 0) {
            (*argv)++;
            return 0;
        }
        row = find_any(command, name, equals != NULL ? (size_t)(equals - name) : strlen(name));
        if (row == NULL)
            return complain("unknown option", word);
        if (row->kind == OPTION_FLAG) {
            if (equals != NULL)
                return complain("option takes no value:", word);
            *(bool *)((char *)arguments + row->offset) = true;
            continue;
        }
        if (equals == NULL && row->kind == OPTION_TEXT && (*argv)[1] == NULL)
            return complain("option needs a value:", word);
        *(const char **)((char *)arguments + row->offset) = equals != NULL                 ? equals + 1
                                                            : row->kind == OPTION_OPTIONAL ? ""
                                                                                           : *++*argv;
    }
    return 0;
}
