/* What is mounted here, as the kernel lists it. */
#include "init.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The mount id of a descriptor, from its fdinfo. */
int init_mount_id(struct init *init, int fd)
{
    char path[64], text[512], *found;
    ssize_t got;
    int info;

    (void)text_copy(path, sizeof(path), "proc/self/fdinfo/");
    text_append_number(path, sizeof(path), (uint64_t)fd, 10);
    info = openat(init->host_root, path, O_RDONLY | O_CLOEXEC);
    if (info < 0)
        return -errno;
    got = read(info, text, sizeof(text) - 1);
    (void)close(info);
    if (got <= 0)
        return -EIO;
    text[got] = '\0';
    found = strstr(text, "mnt_id:");
    return found != NULL ? (int)strtol(found + 7, NULL, 10) : -EIO;
}

static void unescape(char *text)
{
    char *out = text;

    for (; *text != '\0'; text++, out++) {
        if (text[0] == '\\' && text[1] != '\0' && text[2] != '\0' && text[3] != '\0') {
            *out = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
            text += 3;
        } else {
            *out = *text;
        }
    }
    *out = '\0';
}

/* "ID PARENT MAJ:MIN ROOT MOUNTPOINT OPTIONS [TAGS...] - TYPE ..." */
static bool parse_line(char *line, struct init_mount *ret)
{
    char *at = line, *fields[5], *type;

    for (int i = 0; i < 5; i++) {
        fields[i] = at;
        at = strchr(at, ' ');
        if (at == NULL)
            return false;
        *at++ = '\0';
    }
    type = strstr(at, " - ");
    if (type == NULL)
        return false;
    type += 3;
    type[strcspn(type, " ")] = '\0';
    unescape(fields[4]);
    *ret = (struct init_mount){ .id = (int)strtol(fields[0], NULL, 10),
        .parent = (int)strtol(fields[1], NULL, 10),
        .point = fields[4],
        .type = type };
    return true;
}

int init_each_mount(struct init *init, init_mount_visit *visit, void *data)
{
    static char text[65536];
    struct init_mount entry;
    size_t have = 0;
    ssize_t got;
    int info = openat(init->host_root, "proc/self/mountinfo", O_RDONLY | O_CLOEXEC), r = 0;

    if (info < 0)
        return -errno;
    while (r == 0 && (got = read(info, text + have, sizeof(text) - 1 - have)) > 0) {
        char *line = text, *end;

        have += (size_t)got;
        text[have] = '\0';
        while (r == 0 && (end = strchr(line, '\n')) != NULL) {
            *end = '\0';
            r = parse_line(line, &entry) ? visit(init, &entry, data) : 0;
            line = end + 1;
        }
        have -= (size_t)(line - text);
        memmove(text, line, have);
    }
    (void)close(info);
    return r;
}
