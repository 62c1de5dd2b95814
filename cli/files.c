#include <cli/files.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LARGEST (16u << 20)

/* A pipe has no size to ask for. */
static int read_all(int fd, char **ret_text)
{
    size_t length = 0, room = 4096;
    char *text = malloc(room), *more;
    ssize_t got = 1;

    while (text != NULL && got != 0) {
        got = read(fd, text + length, room - length - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || length + (size_t)got > LARGEST) {
            int r = got < 0 ? -errno : -EFBIG;

            free(text);
            return r;
        }
        length += (size_t)got;
        if (room - length > 1)
            continue;
        room *= 2;
        more = realloc(text, room);
        if (more == NULL)
            free(text);
        text = more;
    }
    if (text == NULL)
        return -ENOMEM;
    text[length] = '\0';
    *ret_text = text;
    return 0;
}

int file_read(const char *path, char **ret_text)
{
    int fd = strcmp(path, "-") == 0 ? 0 : open(path, O_RDONLY | O_CLOEXEC), r;

    if (fd < 0)
        return -errno;
    r = read_all(fd, ret_text);
    if (fd > 0)
        (void)close(fd);
    return r;
}
