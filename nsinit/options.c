/* GNU style, and the original's: every long option with one dash or two, "=" or a word of its own. */
#include "nsinit.h"

#include <stddef.h>
#include <string.h>

static const struct option_row {
    const char *name;
    size_t offset;
    bool takes_value;
} rows[] = {
    { "root", offsetof(struct arguments, root), true },
    { "log", offsetof(struct arguments, log), true },
    { "console", offsetof(struct arguments, console), true },
    { "lenient", offsetof(struct arguments, lenient), false },
    { "load", offsetof(struct arguments, load), false },
    { "help", offsetof(struct arguments, help), false },
    { "h", offsetof(struct arguments, help), false },
    { "version", offsetof(struct arguments, version), false },
};

static const struct option_row *find(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strlen(rows[i].name) == length && memcmp(rows[i].name, name, length) == 0)
            return &rows[i];
    return NULL;
}

static int complain(const char *what, const char *word)
{
    (void)fprintf(stderr, "nsinit: %s %s (see nsinit --help)\n", what, word);
    return -1;
}

int options_parse(char ***argv, struct arguments *arguments)
{
    for (; **argv != NULL && (**argv)[0] == '-' && (**argv)[1] != '\0'; (*argv)++) {
        const char *word = **argv, *name = word + (word[1] == '-' ? 2 : 1), *equals = strchr(name, '=');
        const struct option_row *row;

        if (strcmp(word, "--") == 0) {
            (*argv)++;
            return 0;
        }
        row = find(name, equals != NULL ? (size_t)(equals - name) : strlen(name));
        if (row == NULL)
            return complain("unknown option", word);
        if (!row->takes_value) {
            if (equals != NULL)
                return complain("option takes no value:", word);
            *(bool *)((char *)arguments + row->offset) = true;
            continue;
        }
        if (equals == NULL && (*argv)[1] == NULL)
            return complain("option needs a value:", word);
        *(const char **)((char *)arguments + row->offset) = equals != NULL ? equals + 1 : *++*argv;
    }
    return 0;
}
